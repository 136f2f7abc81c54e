import { describeError, isFault } from '../../api/fault.ts'
import type { Event, KubeObject, ObjectReference } from '../../api/types.ts'
import { timeMs, timeText } from '../../core/workloads/pod-facts.ts'
import { fnv1a } from '../../core/workloads/template-hash.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Objects } from '../objects.ts'

/** Something worth telling about an object, in one sentence. */
export interface Happening {
  readonly about: ObjectReference
  readonly type: 'Normal' | 'Warning'
  /** CamelCase, as in Kubernetes: `FailedScheduling`. */
  readonly reason: string
  readonly message: string
  /** Who says so: `deployment-controller`, or `agent`. */
  readonly component: string
  /** The node it was seen on. */
  readonly host?: string
  /** When it was first seen (ms) and how often; now and once where absent. */
  readonly firstMs?: number
  readonly count?: number
}

export interface EventRecorder {
  /** Takes note; the write follows in the background. Never throws. */
  record(happening: Happening): void
  /** Resolves when all notes taken so far are written or given up. */
  close(): Promise<void>
}

/** An Event object that nobody repeats goes after this long. */
export const eventTtlMs = 3_600_000

/** Writes waiting for the store; beyond it the newest note is dropped, and how many were is logged. */
const mostWaiting = 1_000
/** Written together. */
const atOnce = 32

/** Of one object: this many notes at once, then one every five minutes (k8s: EventSourceObjectSpamFilter). */
const burst = 25
const refillMs = 300_000
/** Objects whose rate is remembered; beyond it the oldest are forgotten. */
const mostBuckets = 4_096

/**
 * The object as an Event names it.
 * @example aboutObject(pod, 'v1', 'Pod')
 */
export const aboutObject = (object: KubeObject, apiVersion: string, kind: string): ObjectReference => ({
  apiVersion,
  kind,
  name: object.metadata.name ?? '',
  ...(object.metadata.namespace === undefined ? {} : { namespace: object.metadata.namespace }),
  ...(object.metadata.uid === undefined ? {} : { uid: object.metadata.uid }),
  ...(object.metadata.resourceVersion === undefined ? {} : { resourceVersion: object.metadata.resourceVersion }),
})

/**
 * Writes one Event, or counts it up where the very same thing happened before: the name is made from what happened,
 * so that a repetition never becomes a second object.
 *
 * @throws Fault of the store; NotFound where the namespace is gone
 */
export const recordEvent = async (
  to: { readonly objects: Objects; readonly clock: Clock },
  happening: Happening,
): Promise<void> => {
  const { about } = happening
  const message = happening.message.slice(0, 1024)
  const namespace = about.namespace === undefined || about.namespace === '' ? 'default' : about.namespace
  const identity = [
    about.uid,
    about.fieldPath,
    happening.type,
    happening.reason,
    message,
    happening.component,
    happening.host,
  ]
  const hash = [identity.join('\n'), `${identity.toReversed().join('\n')}`].map(text =>
    fnv1a(text).toString(16).padStart(8, '0'),
  )
  const name = `${(about.name ?? 'object').slice(0, 236)}.${hash.join('')}`
  const now = timeText(to.clock.now())
  const times = happening.count ?? 1
  const again = (event: Event): Event => ({ ...event, count: (event.count ?? 1) + times, lastTimestamp: now })
  if (to.objects.get<Event>('Event', { namespace, name }) !== undefined) {
    const kept = await to.objects.modify<Event>('Event', { namespace, name }, again)
    if (kept !== undefined) return
  }
  const event: Event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { namespace, name },
    involvedObject: about,
    type: happening.type,
    reason: happening.reason,
    message,
    source: { component: happening.component, ...(happening.host === undefined ? {} : { host: happening.host }) },
    reportingComponent: happening.component,
    reportingInstance: happening.host ?? '',
    firstTimestamp: timeText(happening.firstMs ?? to.clock.now()),
    lastTimestamp: now,
    count: times,
  }
  try {
    await to.objects.create<Event>('Event', event)
  } catch (error) {
    if (!isFault(error, 'AlreadyExists')) throw error
    await to.objects.modify<Event>('Event', { namespace, name }, again)
  }
}

/** Records in the background, few at a time, which share one commit; no more per object than the bounds above. */
export const eventRecorder = (of: {
  readonly objects: Objects
  readonly clock: Clock
  readonly log: Log
}): EventRecorder => {
  const buckets = new Map<string, { left: number; at: number }>()
  const waiting: Happening[] = []
  let dropped = 0
  let writing: Promise<void> | undefined

  const isAllowed = ({ about, component }: Happening): boolean => {
    const key = `${component} ${about.uid ?? `${about.namespace}/${about.name}`}`
    const now = of.clock.monotonic()
    const before = buckets.get(key) ?? { left: burst, at: now }
    const left = Math.min(burst, before.left + (now - before.at) / refillMs)
    buckets.delete(key)
    buckets.set(key, { left: left < 1 ? left : left - 1, at: now })
    for (const oldest of buckets.keys()) {
      if (buckets.size <= mostBuckets) break
      buckets.delete(oldest)
    }
    return left >= 1
  }

  const write = async (happening: Happening): Promise<void> => {
    try {
      await recordEvent(of, happening)
    } catch (error) {
      const { reason, about } = happening
      of.log.debug('event not recorded', { reason, about: about.name, error: describeError(error) })
    }
  }

  const writeAll = async (): Promise<void> => {
    while (waiting.length > 0) await Promise.all(waiting.splice(0, atOnce).map(write))
    if (dropped > 0) of.log.warn('more happened at once than is recorded as events', { dropped })
    dropped = 0
    writing = undefined
  }

  return {
    record(happening) {
      if (!isAllowed(happening)) return
      if (waiting.length >= mostWaiting) {
        dropped += 1
        return
      }
      waiting.push(happening)
      writing ??= writeAll()
    },
    async close() {
      await writing
    },
  }
}

/** When (ms) the event goes. */
export const eventEndsAtMs = (event: Event): number =>
  (timeMs(event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp) ?? 0) + eventTtlMs
