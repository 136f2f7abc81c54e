import { describeError } from '../../api/fault.ts'
import { forgive } from '../../core/pods/plan.ts'
import type { PodRuntime } from '../../core/pods/runtime.ts'
import { backoffMs } from '../../lib/backoff.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { workQueue } from '../../lib/work-queue.ts'
import { changedPods, type Desired } from './desired.ts'
import type { Images } from './images.ts'
import type { PodMemories } from './pod-memories.ts'
import type { PodSync } from './sync-pod.ts'
import type { Volumes } from './volumes.ts'

/*
 *   assignment changed ─┐
 *   container ended ────┤
 *   probe, long step ───┼──> queue of pod uids ──> sync.run(uid) ──> when to look again
 *   time ───────────────┤
 *   everything, slowly ─┤
 *   sign of life ───────┘
 */

export interface SyncLoop {
  /** Looks at everything once, as soon as the engine answers, and begins. */
  start(): Promise<void>
  wake(uid: string): void
  /** What is desired has changed. */
  desiredChanged(before: Desired | undefined, after: Desired): void
  /** Whether everything was looked at once. */
  readonly hasObserved: boolean
  /** What is wrong with the engine, in words; undefined when it answers. */
  readonly engineTrouble: string | undefined
  /** Resolves when nothing is to do now. */
  idle(): Promise<void>
  /** Starts nothing any more; containers are left as they are. */
  close(): Promise<void>
}

/** Whoever wants a sign of life every so many milliseconds; undefined: never. */
export interface Beat {
  readonly beatEveryMs: number | undefined
  beat(): void
}

/** A key that is no pod: it waits for a worker as pods do, so that a loop whose workers all hang gives no sign. */
const beatKey = 'sign of life'
/** Pods at once: a start is mostly waiting for the engine. */
const workers = 10
/** What no wake told of is found after this time. */
const everythingMs = 300_000

export const syncLoop = (of: {
  readonly runtime: PodRuntime
  readonly sync: PodSync
  readonly memories: PodMemories
  readonly volumes: Volumes
  readonly images: Images
  readonly desired: () => Desired | undefined
  readonly beat?: Beat
  readonly clock: Clock
  readonly log: Log
}): SyncLoop => {
  const { runtime, sync, memories, clock, log } = of
  let hasObserved = false
  let hasSwept = false
  let engineTrouble: string | undefined
  let isClosed = false
  let stopListening: () => void = () => {}
  let cancelEverything: () => void = () => {}

  const queue = workQueue({
    clock,
    workers,
    run: async uid => {
      if (uid === beatKey) {
        of.beat?.beat()
        return of.beat?.beatEveryMs
      }
      const again = await sync.run(uid)
      engineTrouble = undefined
      return again
    },
    onError: (uid, error) =>
      log.warn('a pod could not be brought along and is tried again', { uid, why: describeError(error) }),
  })

  /** Everything that is desired, observed or remembered is looked at. */
  const lookAtEverything = async (): Promise<void> => {
    const observed = await runtime.observe()
    // Read now and not before: until everything was observed, nobody else asks for the pods of a new assignment.
    const desired = of.desired()
    engineTrouble = undefined
    hasObserved = true
    const known = new Set([...(desired?.pods.keys() ?? []), ...observed.map(one => one.uid)])
    for (const uid of known) queue.add(uid)
    if (desired === undefined) return
    for (const uid of [...memories.uids(), ...(await of.volumes.uids())]) queue.add(uid)
    if (hasSwept) return
    hasSwept = true
    // Of a pod that an agent was killed over, volumes may be left and half a sandbox, which nobody observes.
    await sweep(known)
  }

  /** Once a life: what killed engines and agents left behind, of pods that nobody knows. */
  const sweep = async (keep: ReadonlySet<string>): Promise<void> => {
    try {
      const gone = await runtime.sweep(keep)
      if (gone.length > 0) log.info('what was left behind is swept', { gone })
    } catch (error) {
      log.warn('what was left behind could not be swept', { why: describeError(error) })
    }
  }

  const everythingLater = (ms: number, attempt: number): void => {
    cancelEverything()
    if (isClosed) return
    cancelEverything = clock.after(ms, () => {
      lookAtEverything().then(
        () => everythingLater(everythingMs, 0),
        (error: unknown) => {
          engineTrouble = describeError(error)
          log.warn('the container engine does not answer and is asked again', { why: engineTrouble })
          everythingLater(backoffMs({ attempt, first: 500, most: 30_000 }), attempt + 1)
        },
      )
    })
  }

  return {
    async start() {
      if (of.beat?.beatEveryMs !== undefined) queue.add(beatKey)
      stopListening = runtime.onExit(uid => queue.add(uid))
      try {
        await lookAtEverything()
        everythingLater(everythingMs, 0)
      } catch (error) {
        engineTrouble = describeError(error)
        log.warn('the container engine does not answer and is asked again', { why: engineTrouble })
        everythingLater(500, 1)
      }
    },
    wake: uid => queue.add(uid),
    desiredChanged(before, after) {
      of.images.forgive()
      // With the first word of what is desired, what is here and not desired may end.
      if (before === undefined && hasObserved) everythingLater(0, 0)
      for (const uid of changedPods(before, after)) {
        const memory = memories.get(uid)
        if (memory !== undefined) memories.set(forgive(memory))
        if (hasObserved) queue.add(uid)
      }
    },
    get hasObserved() {
      return hasObserved
    },
    get engineTrouble() {
      return engineTrouble
    },
    async idle() {
      for (;;) {
        await queue.idle()
        await sync.idle()
        await Promise.resolve()
        if (queue.size === 0) return
      }
    },
    async close() {
      isClosed = true
      stopListening()
      cancelEverything()
      await queue.close()
    },
  }
}
