import type { Clock } from '../../lib/clock.ts'

/** What a client may say at once, and then each second: a frame counts 1, and 1 more for each 4 KiB. */
const burst = 2000
const perSecond = 200
const bytesPerUnit = 4096

/**
 * How long a client has to rest after what it said, in milliseconds: meanwhile nothing is read from it, so that it is
 * TCP that slows it down. A node with a hundred pods that comes back says some 300 frames.
 *
 * @example const pace = clientPace(clock); pace(2500, 40000) // 2548 ms
 */
export const clientPace = (clock: Clock) => {
  let left = burst
  let at = clock.monotonic()
  return (frames: number, bytes: number): number => {
    const now = clock.monotonic()
    left = Math.min(burst, left + ((now - at) / 1000) * perSecond) - frames - bytes / bytesPerUnit
    at = now
    return left >= 0 ? 0 : Math.ceil((-left / perSecond) * 1000)
  }
}
