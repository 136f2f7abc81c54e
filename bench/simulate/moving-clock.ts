import type { Clock } from '../../src/lib/clock.ts'

/** A clock that runs as the machine's, and can be moved on. */
export interface MovingClock extends Clock {
  /** Wall time alone jumps, as when a clock is set or a machine wakes up. */
  moveWall(ms: number): void
  /**
   * All time passes faster: `ms` in steps of ten seconds, between which the process gets a moment for what is due.
   * Resolves when it has passed.
   */
  pass(ms: number): Promise<void>
}

const stepMs = 10_000
const momentMs = 50

/** @example const clock = movingClock(); clock.moveWall(86_400_000); await clock.pass(600_000) */
export const movingClock = (): MovingClock => {
  let offset = 0
  let wallOffset = 0
  /** As many as there are timers under way. */
  const waiting = new Set<{ readonly due: number; timer: NodeJS.Timeout; readonly act: () => void }>()
  const monotonic = (): number => performance.now() + offset

  const arm = (due: number, act: () => void): NodeJS.Timeout =>
    setTimeout(act, Math.min(Math.max(0, due - monotonic()), 2_147_483_647))

  return {
    now: () => Date.now() + offset + wallOffset,
    monotonic,
    after(ms, act) {
      const due = monotonic() + ms
      const done = (): void => {
        waiting.delete(one)
        act()
      }
      const one = { due, timer: arm(due, done), act: done }
      waiting.add(one)
      return () => {
        clearTimeout(one.timer)
        waiting.delete(one)
      }
    },
    moveWall(ms) {
      wallOffset += ms
    },
    async pass(ms) {
      for (let left = ms; left > 0; left -= stepMs) {
        offset += Math.min(left, stepMs)
        for (const one of waiting) {
          clearTimeout(one.timer)
          one.timer = arm(one.due, one.act)
        }
        await new Promise(resolve => setTimeout(resolve, momentMs))
      }
    },
  }
}
