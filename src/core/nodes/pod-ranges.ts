import { addressText, parseRange } from '../services/ranges.ts'

/**
 * A free pod range for a node: the next after the last one given, round the whole of `clusterCIDR`, so that the range of
 * a node just removed is not at once another's. Undefined where all are taken.
 *
 * @param prefix of a node's range: 25 gives each node 128 addresses
 * @param after the range given last, or undefined for the first
 * @example freePodRange({ clusterCIDR: '10.64.0.0/11', prefix: 25, after: '10.64.0.0/25', isTaken }) // '10.64.0.128/25'
 */
export const freePodRange = (of: {
  readonly clusterCIDR: string
  readonly prefix: number
  readonly after: string | undefined
  readonly isTaken: (range: string) => boolean
}): string | undefined => {
  const all = parseRange(of.clusterCIDR)
  if (all === undefined || of.prefix < all.prefix || of.prefix > 30) return undefined
  const size = 2 ** (32 - of.prefix)
  const count = all.size / size
  const last = of.after === undefined ? undefined : parseRange(of.after)
  const start = last === undefined ? 0 : Math.floor((last.first - all.first) / size) + 1
  for (let step = 0; step < count; step += 1) {
    const index = (((start + step) % count) + count) % count
    const range = `${addressText(all.first + index * size)}/${of.prefix}`
    if (!of.isTaken(range)) return range
  }
  return undefined
}
