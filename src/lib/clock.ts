/** Time as an argument. Tests and simulations give their own. */
export interface Clock {
  /** Wall time, milliseconds since 1970. May jump. */
  now(): number
  /** Milliseconds that only grow. Never wall time. */
  monotonic(): number
  /** Calls `act` once after `ms`. Returns how to call it off. */
  after(ms: number, act: () => void): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, act) => {
    const timer = setTimeout(act, Math.min(ms, 2_147_483_647))
    return () => clearTimeout(timer)
  },
}
