import type { Clock } from '../../src/lib/clock.ts'

/** A clock that stands still until a test moves it. Timers that are due run in order of their time. */
export interface ManualClock extends Clock {
  /** Moves time on by `ms`, running what becomes due on the way. */
  advance(ms: number): Promise<void>
  /** Timers that wait. */
  readonly waiting: number
}

export const manualClock = (start = Date.parse('2026-01-02T03:04:05Z')): ManualClock => {
  let now = start
  const timers = new Set<{ readonly at: number; readonly act: () => void }>()
  return {
    now: () => now,
    monotonic: () => now,
    get waiting() {
      return timers.size
    },
    after(ms, act) {
      const timer = { at: now + ms, act }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    async advance(ms) {
      const end = now + ms
      for (;;) {
        const due = [...timers].filter(timer => timer.at <= end).toSorted((a, b) => a.at - b.at)[0]
        if (due === undefined) break
        timers.delete(due)
        now = Math.max(now, due.at)
        due.act()
        await settle()
      }
      now = end
      await settle()
    },
  }
}

/** Lets everything that waits for no timer run to its end. */
export const settle = async (rounds = 20): Promise<void> => {
  for (let round = 0; round < rounds; round += 1) await new Promise(resolve => setImmediate(resolve))
}
