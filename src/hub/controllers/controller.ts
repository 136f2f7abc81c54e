import { describeError, isFault } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { LookAgainMs, QueueObserver, WorkQueue } from '../../lib/work-queue.ts'
import { workQueue } from '../../lib/work-queue.ts'
import type { Objects } from '../objects.ts'
import type { EventRecorder } from './events.ts'
import type { FleetRooms } from './fleet-rooms.ts'
import type { Indexes } from './indexes.ts'

/*
 *   start ─> listen: every present key is asked for, and every changed one
 *                 │
 *                 v
 *   queue ─> run(key): read, decide (core), act ─> when to look again
 */

/** What an operator may set. */
export interface ControllerOptions {
  /** A node that gave no sign for this long is Unknown. 180 by default. */
  readonly nodeSilenceSeconds?: number
  /** All pods of the fleet. `10.64.0.0/11` by default. */
  readonly clusterCIDR?: string
  /** Size of a node's part of it. 25 by default: 128 addresses each. */
  readonly nodePrefix?: number
}

/** What every controller is made of. */
export interface ControllerParts {
  readonly objects: Objects
  readonly indexes: Indexes
  readonly rooms: FleetRooms
  readonly events: EventRecorder
  readonly clock: Clock
  readonly log: Log
  /** Where queues are counted, by name. */
  readonly queues?: ((name: string) => QueueObserver) | undefined
  readonly options: ControllerOptions
}

/** Something that runs until it is closed. Constructed, it does nothing. */
export interface Controller {
  /** Only once the objects have been seen in full: it decides by what it reads. */
  start(): void
  /** Resolves when the runs under way have ended. */
  close(): Promise<void>
}

/**
 * A controller: keys in a work queue, one run per key at a time. Its queue is bounded by the number of objects of its kind.
 */
export const runController = (of: {
  readonly name: string
  readonly parts: ControllerParts
  readonly workers?: number
  /**
   * A key that looks at many objects rests this long after a run (ms): what changes meanwhile is one run more, and not
   * one each. A change after a quiet time is looked at at once.
   */
  readonly restMs?: (key: string) => number
  /** Subscribes, and asks for all that is there. Returns how to unsubscribe. */
  readonly listen: (queue: Pick<WorkQueue, 'add'>) => readonly (() => void)[]
  readonly run: (key: string, signal: AbortSignal) => Promise<LookAgainMs>
}): Controller => {
  const log = of.parts.log.with({ controller: of.name })
  const { clock } = of.parts
  /** Until when (monotonic) a key rests. Those that look at few objects have no entry. */
  const rests = new Map<string, number>()
  const observer = of.parts.queues?.(of.name)
  const queue = workQueue({
    ...(observer === undefined ? {} : { observer }),
    clock,
    workers: of.workers ?? 4,
    async run(key, signal) {
      try {
        return await of.run(key, signal)
      } finally {
        const rest = of.restMs?.(key) ?? 0
        if (rest >= 1) rests.set(key, clock.monotonic() + rest)
        else rests.delete(key)
      }
    },
    onError: (key, error) => {
      const say = isFault(error, 'Conflict') ? log.debug : log.warn
      say('will try again', { key, error: describeError(error) })
    },
  })
  let subscriptions: readonly (() => void)[] = []
  return {
    start() {
      subscriptions = of.listen({
        add: (key, afterMs = 0) => queue.add(key, Math.max(afterMs, (rests.get(key) ?? 0) - clock.monotonic())),
      })
    },
    async close() {
      for (const stop of subscriptions) stop()
      await queue.close()
    },
  }
}

/** The rest of a run that looked at so many objects: none for a few, a second for a thousand, five at most. */
export const restFor = (objects: number): number => (objects < 50 ? 0 : Math.min(5000, objects))

/** From an absolute time to what a run of the queue answers. At least a millisecond, at most an hour. */
export const lookAgain = (atMs: number | undefined, now: number): LookAgainMs =>
  atMs === undefined ? undefined : Math.min(Math.max(atMs - now, 1), 3_600_000)

/** `namespace/name`, or `name`, back into its parts. */
export const keyParts = (key: string): { readonly namespace: string; readonly name: string } => {
  const slash = key.indexOf('/')
  return slash < 0 ? { namespace: '', name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}

/** Nothing, where the object went away or changed meanwhile: the next round sees how it is. All else is thrown. */
export const unlessGone = async (write: Promise<unknown>): Promise<void> => {
  try {
    await write
  } catch (error) {
    if (!isFault(error, 'NotFound', 'Conflict')) throw error
  }
}
