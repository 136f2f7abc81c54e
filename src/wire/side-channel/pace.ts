import { Fault } from '../../api/fault.ts'

/*
 *   frame of data ──> on its way: at most `window` bytes ──> the other side says `received` ──> the next
 *                                   │
 *                     how long that took, over the least it ever took = what our own bytes wait in queues
 *                     less than 15 ms of waiting: the window grows; more: it shrinks
 *
 *   So a copy fills a slow link without filling the buffers in front of it, and a keystroke sent behind it waits for
 *   little more than one frame. RFC 6817 (LEDBAT) has the idea.
 */

export interface Pace {
  /** Bytes of data that may go out now. */
  readonly allowed: number
  /** Bytes of one frame: small ones on a slow link, so that others get their turn soon. */
  readonly frameBytes: number
  sent(bytes: number): void
  /** @throws Fault Malformed when more is acknowledged than was sent */
  received(bytes: number): void
}

/** What our own bytes may wait in the queues of the path. */
const mostWaitMs = 15
const leastBytes = 32 * 1024
const leastFrameBytes = 4 * 1024
/** The shortest way is looked for anew after this, with little on it: paths change, and machines get busy. */
const baseMs = 20_000
/** Looks with little under way: by the first, what was there before may not be through yet. */
const probeLooks = 2
const probeBytes = 8 * 1024

/**
 * @example const one = pace({ now: clock.monotonic, mostBytes: 1024 * 1024, mostFrameBytes: 32 * 1024 })
 */
export const pace = (of: {
  /** Milliseconds that only grow. */
  readonly now: () => number
  /** Bytes on their way at most, however fast the path. */
  readonly mostBytes: number
  readonly mostFrameBytes: number
}): Pace => {
  /** One entry a frame on its way: bounded by `mostBytes`. */
  const marks: { readonly upTo: number; readonly at: number }[] = []
  let window = Math.min(64 * 1024, of.mostBytes)
  let sent = 0
  let received = 0
  let leastMs = Number.POSITIVE_INFINITY
  let leastSince = of.now()
  /** The window is looked at once for all that was under way at the last look, by the luckiest frame of them. */
  let nextLook = 0
  let luckyMs = Number.POSITIVE_INFINITY
  let probing: { readonly window: number; left: number } | undefined
  let wasFull = false

  const look = (tookMs: number): void => {
    nextLook = sent
    luckyMs = Number.POSITIVE_INFINITY
    if (probing !== undefined) {
      probing.left -= 1
      // What was seen while others were still through is no shortest way.
      if (probing.left > 0) leastMs = Number.POSITIVE_INFINITY
      else {
        window = probing.window
        probing = undefined
      }
      return
    }
    const waited = tookMs - leastMs
    // Grows by a quarter at most, only where it was what held us up; falls to a half at most.
    const change = Math.max(-0.5, (0.25 * (mostWaitMs - waited)) / mostWaitMs)
    if (change < 0 || wasFull) window = Math.round(window * (1 + change))
    window = Math.min(of.mostBytes, Math.max(leastBytes, window))
    wasFull = false
  }

  return {
    get allowed() {
      const left = window - (sent - received)
      if (left <= 0) wasFull = true
      return Math.max(0, left)
    },
    get frameBytes() {
      return Math.min(of.mostFrameBytes, Math.max(leastFrameBytes, Math.floor(window / 4)))
    },
    sent(bytes) {
      sent += bytes
      marks.push({ upTo: sent, at: of.now() })
    },
    received(bytes) {
      received += bytes
      if (received > sent)
        throw new Fault('Malformed', `the other side received ${received} bytes of ${sent} that were sent`)
      let at: number | undefined
      for (let mark = marks[0]; mark !== undefined && mark.upTo <= received; mark = marks[0]) {
        at = mark.at
        marks.shift()
      }
      if (at === undefined) return
      const now = of.now()
      if (now - leastSince > baseMs && probing === undefined) {
        leastMs = Number.POSITIVE_INFINITY
        leastSince = now
        probing = { window, left: probeLooks }
        window = Math.min(window, probeBytes)
        nextLook = sent
      }
      leastMs = Math.min(leastMs, now - at)
      luckyMs = Math.min(luckyMs, now - at)
      if (received > nextLook) look(luckyMs)
    },
  }
}
