/** A promise that is settled from outside, and whose failure nobody need look at. Node 20 has no Promise.withResolvers. */
export interface Settled<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(error: unknown): void
}

/** @example const accepted = settled<void>(); … accepted.resolve(); await accepted.promise */
export const settled = <T>(): Settled<T> => {
  let resolve: (value: T) => void = () => {}
  let reject: (error: unknown) => void = () => {}
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  // Whoever does not ask for it is not told either.
  promise.catch(() => undefined)
  return { promise, resolve, reject }
}
