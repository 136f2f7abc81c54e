import { backoffMs } from './backoff.ts'
import type { Clock } from './clock.ts'

/*
 *   add(key) ──> waiting (a set: a key is there once)
 *                   │ a free worker takes the oldest
 *                   v
 *                running ── key added meanwhile ──> waiting again, after this run
 *                   │
 *                   ├─ returns ms ──> added again after that time
 *                   └─ throws ──────> onError, added again after back-off
 */

/** What a run says: nothing, or when to look at the key again (milliseconds from now). */
export type LookAgainMs = number | undefined

export interface WorkQueue {
  /** Asks for a run of `key`. Many asks before a run are one run. */
  add(key: string, afterMs?: number): void
  /** Keys waiting or running now. */
  readonly size: number
  /** Resolves when nothing is waiting or running; delayed keys do not count. */
  idle(): Promise<void>
  /** No run starts any more; resolves when those under way have ended. */
  close(): Promise<void>
}

/** Hears of every key: asked for (once while it waits), begun after so many milliseconds, ended after so many. */
export interface QueueObserver {
  added(): void
  began(waitedMs: number): void
  ended(ranMs: number, isFailed: boolean): void
  /** Called once, with how to see what waits, and since when (monotonic ms) the runs under way run. */
  watch(look: () => { readonly waiting: number; readonly runningSince: Iterable<number> }): void
}

/**
 * A queue of keys: the same key never runs twice at once, failed keys come back with back-off.
 * Bounded by the number of distinct keys.
 *
 * @example const queue = workQueue({ clock, workers: 2, run: key => syncPod(key), onError: (key, error) => log.warn(…) })
 */
export const workQueue = (of: {
  readonly clock: Clock
  readonly run: (key: string, signal: AbortSignal) => Promise<LookAgainMs>
  readonly onError: (key: string, error: unknown) => void
  readonly workers?: number
  /** Told what becomes of keys, e.g. to count it. */
  readonly observer?: QueueObserver
  readonly firstBackoffMs?: number
  readonly mostBackoffMs?: number
}): WorkQueue => {
  /** By key: since when, monotonic ms. */
  const waiting = new Map<string, number>()
  const running = new Map<string, { readonly since: number; readonly run: Promise<void> }>()
  const delayed = new Map<string, { readonly at: number; readonly cancel: () => void }>()
  const failures = new Map<string, number>()
  const stop = new AbortController()
  let idlers: (() => void)[] = []

  const start = (): void => {
    if (stop.signal.aborted) return
    for (const [key, since] of waiting) {
      if (running.size >= (of.workers ?? 1)) return
      if (running.has(key)) continue
      waiting.delete(key)
      const now = of.clock.monotonic()
      of.observer?.began(now - since)
      running.set(key, { since: now, run: runOnce(key, now) })
    }
    if (waiting.size === 0 && running.size === 0) {
      for (const wake of idlers) wake()
      idlers = []
    }
  }

  const wait = (key: string): void => {
    if (!waiting.has(key)) {
      waiting.set(key, of.clock.monotonic())
      of.observer?.added()
    }
    queueMicrotask(start)
  }

  const runOnce = async (key: string, since: number): Promise<void> => {
    let isFailed = false
    try {
      const again = await of.run(key, stop.signal)
      failures.delete(key)
      if (again !== undefined) delay(key, again)
    } catch (error) {
      isFailed = true
      const attempt = failures.get(key) ?? 0
      failures.set(key, attempt + 1)
      if (!stop.signal.aborted) of.onError(key, error)
      delay(key, backoffMs({ attempt, first: of.firstBackoffMs ?? 200, most: of.mostBackoffMs ?? 30_000 }))
    } finally {
      running.delete(key)
      of.observer?.ended(of.clock.monotonic() - since, isFailed)
      start()
    }
  }

  const delay = (key: string, ms: number): void => {
    if (stop.signal.aborted) return
    const at = of.clock.monotonic() + ms
    const earlier = delayed.get(key)
    if (earlier !== undefined && earlier.at <= at) return
    earlier?.cancel()
    const cancel = of.clock.after(ms, () => {
      delayed.delete(key)
      wait(key)
    })
    delayed.set(key, { at, cancel })
  }

  of.observer?.watch(() => ({ waiting: waiting.size, runningSince: [...running.values()].map(one => one.since) }))

  return {
    add(key, afterMs = 0) {
      if (stop.signal.aborted) return
      if (afterMs > 0) return delay(key, afterMs)
      wait(key)
    },
    get size() {
      return waiting.size + running.size
    },
    idle: () => (waiting.size + running.size === 0 ? Promise.resolve() : new Promise(resolve => idlers.push(resolve))),
    async close() {
      stop.abort()
      for (const { cancel } of delayed.values()) cancel()
      delayed.clear()
      waiting.clear()
      await Promise.all([...running.values()].map(one => one.run))
      for (const wake of idlers) wake()
    },
  }
}
