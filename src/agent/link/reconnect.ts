import { backoffMs } from '../../lib/backoff.ts'

/** The latest tries to connect that came to nothing. */
export interface Tries {
  /** Connections in a row that did not come up, or did not last. */
  readonly failed: number
}

export const noTries: Tries = { failed: 0 }

/** A connection that held so long was a good one: what failed before it counts no more. */
const goodMs = 15_000
const firstMs = 2000
/** While an outage is young, or comes back again and again, the hub is likely to be back soon: a minute or so. */
const fewTries = 12
const mostMsAtFirst = 10_000
/** A device may be without its hub for months, and a hub may have ten thousand of them. */
const mostMs = 30_000

/**
 * A connection ended, or did not come up.
 *
 * @param heldMs how long it was up; 0 when it never was
 * @example afterEnd({ failed: 40 }, 60_000) // { failed: 0 }
 */
export const afterEnd = (tries: Tries, heldMs: number): Tries =>
  heldMs >= goodMs ? noTries : { failed: tries.failed + 1 }

/**
 * How long to wait until the next try, ms: from 0 up to a bound, so that a fleet that lost its hub at one moment comes
 * back spread out. The bound is 2 s, doubling to 10 s for the first dozen tries, 30 s after them.
 *
 * @param random 0 up to 1
 * @example waitMs({ failed: 3 }, 0.5) // 4000
 */
export const waitMs = (tries: Tries, random: number): number =>
  backoffMs({
    attempt: Math.max(0, tries.failed - 1),
    first: firstMs,
    most: tries.failed <= fewTries ? mostMsAtFirst : mostMs,
    random,
  })
