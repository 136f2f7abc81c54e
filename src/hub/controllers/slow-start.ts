/**
 * Runs `act` over the items in batches of 1, 2, 4, … at once, and stops at the first failure: where the first write is
 * refused, a thousand refused ones do not follow. k8s: slowStartBatch
 *
 * @throws what `act` threw first
 */
export const slowStart = async <T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> => {
  let from = 0
  for (let size = 1; from < items.length; size = Math.min(size * 2, mostAtOnce)) {
    const results = await Promise.allSettled(items.slice(from, from + size).map(act))
    const failed = results.find(result => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    from += size
  }
}

const mostAtOnce = 64
