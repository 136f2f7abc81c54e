import { createHash } from 'node:crypto'
import { describeError, isFault } from '../../api/fault.ts'
import type { Event, Node, Pod } from '../../api/types.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { EventReport } from '../../wire/payloads.ts'
import type { Objects } from '../objects.ts'

type Happening = EventReport['events'][number]

/** Events of one node that are written in a minute; more are dropped, and counted in the log. */
const mostPerMinute = 120

/**
 * Turns what nodes tell into Event objects: the same happening again raises the count of the one that is there.
 * A node may tell of itself and of pods that are bound to it.
 */
export const eventWriter = (of: { readonly objects: Objects; readonly clock: Clock; readonly log: Log }) => {
  const minutes = new Map<string, { startedAt: number; written: number; dropped: number }>()

  const admits = (node: string): boolean => {
    const now = of.clock.monotonic()
    const minute = minutes.get(node)
    if (minute === undefined || now - minute.startedAt >= 60_000) {
      if (minute !== undefined && minute.dropped > 0)
        of.log.warn('events of a node were dropped: too many', { node, dropped: minute.dropped })
      minutes.set(node, { startedAt: now, written: 1, dropped: 0 })
      return true
    }
    if (minute.written >= mostPerMinute) {
      minute.dropped += 1
      return false
    }
    minute.written += 1
    return true
  }

  const mayTell = (node: string, involved: Happening['involved']): boolean => {
    if (involved.kind === 'Node') return involved.name === node
    const pod = of.objects.get<Pod>('Pod', { namespace: involved.namespace, name: involved.name })
    return pod?.spec?.nodeName === node && pod.metadata.uid === involved.uid
  }

  return async (node: string, events: EventReport['events']): Promise<void> => {
    for (const one of events) {
      if (!mayTell(node, one.involved) || !admits(node)) continue
      try {
        await write(of.objects, node, one)
      } catch (error) {
        // k8s: events are best effort. A namespace that ends takes no more of them.
        if (!isFault(error, 'NotFound', 'Forbidden', 'AlreadyExists'))
          of.log.warn('an event could not be written', { node, reason: one.reason, why: describeError(error) })
      }
    }
  }
}

const write = async (objects: Objects, node: string, one: Happening): Promise<void> => {
  const nodeUid = objects.get<Node>('Node', { namespace: '', name: node })?.metadata.uid
  const involved = one.involved.kind === 'Node' ? { ...one.involved, uid: nodeUid ?? one.involved.uid } : one.involved
  // k8s: events about nodes live in the default namespace.
  const namespace = involved.kind === 'Node' ? 'default' : involved.namespace
  const identity = createHash('sha256')
    .update([node, involved.kind, involved.uid, involved.fieldPath ?? '', one.type, one.reason, one.message].join('\0'))
    .digest('hex')
  const key = { namespace, name: `${involved.name.slice(0, 200)}.${identity.slice(0, 16)}` }
  const again = await objects.modify<Event>('Event', key, event => ({
    ...event,
    count: (event.count ?? 1) + one.count,
    lastTimestamp: one.time,
  }))
  if (again !== undefined) return
  await objects.create<Event>('Event', {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: key,
    involvedObject: {
      apiVersion: 'v1',
      kind: involved.kind,
      name: involved.name,
      uid: involved.uid,
      ...(involved.kind === 'Pod' && { namespace: involved.namespace }),
      ...(involved.fieldPath && { fieldPath: involved.fieldPath }),
    },
    type: one.type,
    reason: one.reason,
    message: one.message,
    count: one.count,
    firstTimestamp: one.time,
    lastTimestamp: one.time,
    source: { component: 'dunlin-agent', host: node },
    reportingComponent: 'dunlin-agent',
    reportingInstance: node,
  })
}
