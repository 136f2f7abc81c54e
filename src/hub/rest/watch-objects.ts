import { Fault } from '../../api/fault.ts'
import type { Kind } from '../../api/kind.ts'
import type { KubeObject } from '../../api/types.ts'
import type { ObjectEvent, ObjectHistory } from '../store/object-history.ts'
import { apiVersion } from '../store/object-names.ts'
import type { ResourceRequest, Rest } from './api-request.ts'
import type { HttpResponse } from './door.ts'
import { queryFlag, queryNumber } from './query.ts'
import { forbiddenParameter, shapeOf } from './read-objects.ts'
import { representOne, type Shape, table } from './represent.ts'
import { type ObjectSelection, objectSelection } from './select-objects.ts'
import { failureStatus } from './status-object.ts'

/*
 *   present state as ADDED (no version) or events since a version
 *        │
 *        v
 *   events as they come ── queue, at most 2000 ── written at the client's pace
 *        └─ full: the stream ends, the client comes again from the last version it saw
 */

/** Events that wait for a slow client. They are shared, so a full queue costs little; a client that far behind starts again. */
const mostWaiting = 2000

/** GET with `watch`: a stream of one JSON object a line. */
export const watchObjects = (request: ResourceRequest, rest: Rest): HttpResponse => {
  const { kind, at, http } = request
  const plan = planOf(request)
  const selection = objectSelection(kind, http.query, at)
  const shape = shapeOf(request, rest)
  const over = rest.limits.watch(http.caller.user)
  // Also where nobody ever begins to read the stream.
  http.signal.addEventListener('abort', over, { once: true })
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: stream({ kind, selection, shape, rest, plan, namespace: at.namespace, signal: http.signal, over }),
  }
}

interface Plan {
  /** Where the client was; undefined: nowhere yet, it begins with the present state. */
  readonly version: number | undefined
  readonly hasBookmarks: boolean
  readonly hasInitialEnd: boolean
  readonly timeoutSeconds: number | undefined
}

const planOf = ({ kind, http: { query } }: ResourceRequest): Plan => {
  const version = queryNumber(query, 'resourceVersion') ?? 0
  const hasInitialEnd = queryFlag(query, 'sendInitialEvents')
  if (hasInitialEnd && query.get('resourceVersionMatch') !== 'NotOlderThan') {
    const why = 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'
    throw forbiddenParameter(kind, 'resourceVersionMatch', why)
  }
  return {
    version: hasInitialEnd || version === 0 ? undefined : version,
    hasBookmarks: queryFlag(query, 'allowWatchBookmarks'),
    hasInitialEnd,
    timeoutSeconds: queryNumber(query, 'timeoutSeconds'),
  }
}

interface Stream {
  readonly kind: Kind
  readonly selection: ObjectSelection
  readonly shape: Shape
  readonly rest: Rest
  readonly plan: Plan
  readonly namespace: string
  readonly signal: AbortSignal
  /** Gives back its place among the watches. */
  readonly over: () => void
}

async function* stream(of: Stream): AsyncGenerator<Uint8Array> {
  const { kind, plan, rest, signal } = of
  const history = rest.objects.history(kind.kind)
  const lines = lineMaker(of)
  const labels = [kind.group, kind.version, kind.plural] as const
  const waiting: ObjectEvent[] = []
  let isOver = signal.aborted
  let wake = (): void => {}
  const end = (): void => {
    isOver = true
    wake()
  }
  const off = history.listen(event => {
    if (event.kind !== kind) return
    if (waiting.length >= mostWaiting) {
      // What comes later must not follow a gap.
      off()
      rest.counts.slowWatches(labels)
      return end()
    }
    waiting.push(event)
    wake()
  })
  // The listener continues exactly what is read here: nothing else runs in between.
  const within = of.namespace === '' ? {} : { namespace: of.namespace }
  const present = plan.version === undefined ? rest.objects.list(kind.kind, within) : []
  const since = plan.version === undefined ? [] : eventsAfter(history, plan.version)
  let revision = history.revision
  let isBookmarkDue = false
  signal.addEventListener('abort', end)
  const timeout =
    plan.timeoutSeconds === undefined ? undefined : setTimeout(end, Math.min(plan.timeoutSeconds, 86_400) * 1000)
  const bookmarks = setInterval(() => {
    isBookmarkDue = plan.hasBookmarks
    wake()
  }, rest.bookmarkEveryMs)
  try {
    if (since === undefined) {
      yield line({ type: 'ERROR', object: failureStatus(expired) })
      return
    }
    for (const object of present) if (of.selection.selects(object)) yield lines.added(object)
    for (const event of since) if (event.kind === kind) yield* lines.event(event)
    if (plan.hasInitialEnd) yield lines.bookmark(revision, true)
    while (!isOver || waiting.length > 0) {
      if (signal.aborted) return
      const event = waiting.shift()
      if (event !== undefined) {
        revision = Math.max(revision, event.revision)
        for (const bytes of lines.event(event)) {
          rest.counts.watchEvents(labels)
          yield bytes
        }
      } else if (isBookmarkDue) {
        isBookmarkDue = false
        revision = Math.max(revision, history.revision)
        yield lines.bookmark(revision, false)
      } else {
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
    }
  } finally {
    off()
    of.over()
    clearInterval(bookmarks)
    clearTimeout(timeout)
    signal.removeEventListener('abort', end)
  }
}

const expired = new Fault('Expired', 'too old resource version: list again and watch from there')

/** A version from the future is one of before a restore: like a too old one, it asks for a new list. */
const eventsAfter = (history: ObjectHistory, version: number): readonly ObjectEvent[] | undefined =>
  version > history.revision ? undefined : history.after(version)

const line = (value: unknown): Uint8Array => Buffer.from(`${JSON.stringify(value)}\n`)

/** Makes the lines of one stream; those that are alike for all streams are made once and kept with the event. */
const lineMaker = ({ kind, selection, shape }: Stream) => {
  const isTable = shape.representation.as === 'table'
  const form = [
    shape.representation.as,
    'version' in shape.representation ? shape.representation.version : '',
    shape.rowObject,
  ].join('/')
  let hasColumns = true

  const one = (type: string, object: KubeObject): Uint8Array => {
    if (!isTable) return line({ type, object: representOne(kind, object, shape) })
    const { resourceVersion = '' } = object.metadata
    const bytes = line({ type, object: table(kind, [object], { resourceVersion }, shape, hasColumns) })
    hasColumns = false
    return bytes
  }

  return {
    added: (object: KubeObject): Uint8Array => one('ADDED', object),
    *event(event: ObjectEvent): Generator<Uint8Array> {
      const type = typeFor(event, selection)
      if (type === undefined) return
      const key = `${type} ${form}`
      const isOwn = isTable && hasColumns
      const made = isOwn ? undefined : event.lines.get(key)
      const bytes = made ?? one(type, event.object)
      if (!isOwn) event.lines.set(key, bytes)
      yield bytes
    },
    bookmark(revision: number, isInitialEnd: boolean): Uint8Array {
      const metadata = {
        resourceVersion: String(revision),
        ...(isInitialEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
      }
      const object = { kind: kind.kind, apiVersion: apiVersion(kind), metadata }
      if (!isTable) return line({ type: 'BOOKMARK', object: representOne(kind, object, shape) })
      const { representation } = shape
      const row = { cells: [], object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata } }
      const bookmark = {
        ...table(kind, [], { resourceVersion: String(revision) }, { ...shape, representation }, hasColumns),
        rows: [row],
      }
      hasColumns = false
      return line({ type: 'BOOKMARK', object: bookmark })
    },
  }
}

/** What the event is for those who see only what the selection selects: entering is ADDED, leaving is DELETED. */
const typeFor = (event: ObjectEvent, { selects }: ObjectSelection): ObjectEvent['type'] | undefined => {
  const isNow = event.type !== 'DELETED' && selects(event.object)
  const wasBefore = event.before !== undefined && selects(event.before)
  if (isNow) return wasBefore ? 'MODIFIED' : 'ADDED'
  return wasBefore ? 'DELETED' : undefined
}
