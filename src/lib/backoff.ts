/**
 * How long to wait before try number `attempt` (0 is the first retry): doubling from `first` up to `most` ms,
 * with full jitter where `random` (0 up to 1) is given.
 *
 * @example backoffMs({ attempt: 3, first: 1000, most: 60_000 }) // 8000
 */
export const backoffMs = (of: {
  readonly attempt: number
  readonly first: number
  readonly most: number
  readonly random?: number
}): number => {
  const full = Math.min(of.most, of.first * 2 ** Math.min(of.attempt, 30))
  return of.random === undefined ? full : Math.round(full * of.random)
}
