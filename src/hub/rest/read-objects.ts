import { Fault } from '../../api/fault.ts'
import type { Kind } from '../../api/kind.ts'
import type { KubeObject } from '../../api/types.ts'
import { keyOf, notFound } from '../store/object-names.ts'
import { chooseRepresentation } from './accept.ts'
import { json, type ResourceRequest, type Rest } from './api-request.ts'
import type { HttpResponse } from './door.ts'
import { queryFlag, queryNumber } from './query.ts'
import { type RowObject, representList, representOne, type Shape } from './represent.ts'
import { objectSelection } from './select-objects.ts'
import { watchObjects } from './watch-objects.ts'

export const shapeOf = ({ http }: Pick<ResourceRequest, 'http'>, rest: Pick<Rest, 'now'>): Shape => ({
  representation: chooseRepresentation(http.headers.accept),
  rowObject: rowObject(http.query.get('includeObject') ?? 'Metadata'),
  now: rest.now(),
})

const rowObject = (text: string): RowObject => {
  if (text === 'None' || text === 'Metadata' || text === 'Object') return text
  throw new Fault(
    'BadRequest',
    `includeObject: Unsupported value: ${JSON.stringify(text.slice(0, 80))}: supported values: "None", "Metadata", "Object"`,
  )
}

/** GET of one object. */
export const getObject = (request: ResourceRequest, rest: Rest): HttpResponse =>
  json(representOne(request.kind, objectAt(request, rest), shapeOf(request, rest)))

/** @throws Fault NotFound */
export const objectAt = ({ kind, at }: ResourceRequest, rest: Pick<Rest, 'objects'>): KubeObject => {
  const found = rest.objects.get(kind.kind, { namespace: at.namespace, name: at.name })
  if (found === undefined) throw notFound(kind, at.name)
  return found
}

/** GET of a collection, or of one name with `watch`. */
export const listOrWatch = (request: ResourceRequest, rest: Rest): HttpResponse =>
  queryFlag(request.http.query, 'watch') ? watchObjects(request, rest) : listObjects(request, rest)

const listObjects = (request: ResourceRequest, rest: Rest): HttpResponse => {
  const { kind, at, http } = request
  const shape = shapeOf(request, rest)
  const selection = objectSelection(kind, http.query, at)
  const scope = `${kind.kind}/${at.namespace}`
  const token = http.query.get('continue') ?? ''
  const limit = queryNumber(http.query, 'limit') ?? 0
  const newest = rest.objects.history(kind.kind).revision
  if (token === '') checkVersion(http.query, kind, newest)
  const resumed = token === '' ? undefined : rest.pages.resume(token, scope)
  const whole =
    resumed?.held?.list ?? rest.objects.list(kind.kind, at.namespace === '' ? {} : { namespace: at.namespace })
  const revision = resumed?.held?.revision ?? newest
  const start = resumed === undefined ? 0 : firstAfter(whole, resumed.after)
  const page: KubeObject[] = []
  let next = start
  for (; next < whole.length && (limit === 0 || page.length < limit); next += 1) {
    const object = whole[next]
    if (object !== undefined && selection.selects(object)) page.push(object)
  }
  const last = whole[next - 1]
  const isCut = limit > 0 && last !== undefined && whole.slice(next).some(selection.selects)
  const meta = {
    resourceVersion: String(revision),
    ...(isCut ? { continue: rest.pages.hold(whole, scope, revision, keyOf(last), resumed?.id) } : {}),
    // k8s: only where it can be told without trying a selector on all that follow.
    ...(isCut && selection.isEverything ? { remainingItemCount: whole.length - next } : {}),
  }
  return json(representList(kind, page, meta, shape))
}

/** Of a list in the order of keys: the index of the first one after `last`. */
const firstAfter = (
  list: readonly KubeObject[],
  last: { readonly namespace: string; readonly name: string },
): number => {
  const index = list.findIndex(object => {
    const { namespace, name } = keyOf(object)
    return namespace === last.namespace ? name > last.name : namespace > last.namespace
  })
  return index < 0 ? list.length : index
}

/** k8s: resourceVersion and resourceVersionMatch of a list. What we hold is always the newest. */
const checkVersion = (query: URLSearchParams, kind: Kind, newest: number): void => {
  const version = queryNumber(query, 'resourceVersion')
  const match = query.get('resourceVersionMatch') ?? ''
  if (match !== '' && match !== 'Exact' && match !== 'NotOlderThan') {
    throw forbiddenParameter(kind, 'resourceVersionMatch', `supported values: "", "Exact", "NotOlderThan"`)
  }
  if (match !== '' && version === undefined) {
    throw forbiddenParameter(
      kind,
      'resourceVersionMatch',
      'resourceVersionMatch is forbidden unless resourceVersion is provided',
    )
  }
  if (version !== undefined && version > newest) throw tooLarge(version, newest)
  if (match === 'Exact' && version !== newest) {
    throw new Fault(
      'Expired',
      `The resourceVersion for the provided list is too old: ${version} (only the present one, ${newest}, is kept)`,
    )
  }
}

export const forbiddenParameter = (kind: Kind, field: string, why: string): Fault =>
  new Fault('Invalid', `ListOptions.meta.k8s.io "" is invalid: ${field}: Forbidden: ${why}`, {
    group: 'meta.k8s.io',
    kind: 'ListOptions',
    of: kind.kind,
    causes: [{ reason: 'FieldValueForbidden', message: `Forbidden: ${why}`, field }],
  })

const tooLarge = (asked: number, newest: number): Fault =>
  new Fault('Timeout', `Too large resource version: ${asked}, current: ${newest}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version', field: '' }],
    retryAfterSeconds: 1,
  })
