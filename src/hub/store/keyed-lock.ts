/**
 * One act at a time per key, in the order of asking. Holds a key only while something runs or waits for it.
 *
 * @example await lock('Service', () => allocate())
 */
export const keyedLock = () => {
  const tails = new Map<string, Promise<void>>()
  return async <T>(key: string, act: () => Promise<T>): Promise<T> => {
    const before = tails.get(key)
    const { promise: mine, resolve: release } = Promise.withResolvers<void>()
    tails.set(key, mine)
    try {
      await before
      return await act()
    } finally {
      release()
      if (tails.get(key) === mine) tails.delete(key)
    }
  }
}
