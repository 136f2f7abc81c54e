import { type FieldValidation, parseBody, parseSent } from '../../api/body.ts'
import { Fault } from '../../api/fault.ts'
import type { KubeObject, DeleteOptions as SentDeleteOptions } from '../../api/types.ts'
import type { DeleteOptions } from '../objects.ts'
import { apiVersion, keyOf, notFound } from '../store/object-names.ts'
import { json, mostBodyBytes, type ResourceRequest, type Rest } from './api-request.ts'
import type { HttpResponse } from './door.ts'
import { checkEscalation } from './escalation-check.ts'
import { isDryRun, queryNumber } from './query.ts'
import { shapeOf } from './read-objects.ts'
import { representOne } from './represent.ts'
import { objectSelection } from './select-objects.ts'
import { successStatus } from './status-object.ts'
import { warningHeaders } from './warning-headers.ts'

/** POST to a collection. */
export const createObject = async (request: ResourceRequest, rest: Rest): Promise<HttpResponse> => {
  const { kind, http } = request
  const shape = shapeOf(request, rest)
  const { object: sent, warnings } = await parsedObject(request)
  const object = inNamespaceOf(request, sent)
  checkEscalation(http.caller, kind, object, undefined, rest)
  const made = await rest.objects.create(kind.kind, object, { isDryRun: isDryRun(http.query.getAll('dryRun')) })
  return json(representOne(kind, made, shape), 201, warningHeaders([...warnings, ...kind.warnings(made)]))
}

/** PUT of an object, or of its status. */
export const updateObject = async (request: ResourceRequest, rest: Rest): Promise<HttpResponse> => {
  const { kind, at, http } = request
  const shape = shapeOf(request, rest)
  const { object: sent, warnings } = await parsedObject(request)
  const object = inNamespaceOf(request, sent)
  const name = object.metadata.name ?? ''
  if (name !== at.name) {
    const why =
      name === ''
        ? 'name must be provided'
        : `the name of the object (${name}) does not match the name on the URL (${at.name})`
    throw new Fault('BadRequest', why)
  }
  const before = rest.objects.get(kind.kind, keyOf(object))
  if (before === undefined) throw notFound(kind, name)
  checkEscalation(http.caller, kind, object, before, rest)
  const by = {
    isDryRun: isDryRun(http.query.getAll('dryRun')),
    ...(at.subresource === '' ? {} : { subresource: at.subresource }),
  }
  const made = await rest.objects.update(kind.kind, object, by)
  return json(representOne(kind, made, shape), 200, warningHeaders([...warnings, ...kind.warnings(made)]))
}

/** DELETE of one object. */
export const deleteObject = async (request: ResourceRequest, rest: Rest): Promise<HttpResponse> => {
  const { kind, at } = request
  const shape = shapeOf(request, rest)
  const options = await deleteOptions(request)
  const { object, isGone } = await rest.objects.remove(kind.kind, { namespace: at.namespace, name: at.name }, options)
  if (!isGone) return json(representOne(kind, object, shape))
  const { uid } = object.metadata
  return json(
    successStatus({ name: at.name, ...(kind.group === '' ? {} : { group: kind.group }), kind: kind.plural, uid }),
  )
}

/** DELETE of a collection: each selected object, one after another. */
export const deleteCollection = async (request: ResourceRequest, rest: Rest): Promise<HttpResponse> => {
  const { kind, at, http } = request
  const selection = objectSelection(kind, http.query, at)
  const options = await deleteOptions(request)
  const chosen = rest.objects
    .list(kind.kind, at.namespace === '' ? {} : { namespace: at.namespace })
    .filter(selection.selects)
  const items: KubeObject[] = []
  for (const object of chosen) {
    const deleted = await rest.objects.delete(kind.kind, keyOf(object), { ...options, preconditions: {} })
    if (deleted !== undefined) items.push(deleted)
  }
  const resourceVersion = String(rest.objects.history(kind.kind).revision)
  return json({ kind: `${kind.kind}List`, apiVersion: apiVersion(kind), metadata: { resourceVersion }, items })
}

/** `fieldValidation` of a request. @throws Fault BadRequest */
export const fieldValidationOf = (query: URLSearchParams): FieldValidation => {
  const asked = query.get('fieldValidation') ?? ''
  // k8s: servers warn where nothing is said.
  if (asked === '') return 'Warn'
  if (asked === 'Strict' || asked === 'Warn' || asked === 'Ignore') return asked
  throw new Fault(
    'BadRequest',
    `fieldValidation: Unsupported value: ${JSON.stringify(asked.slice(0, 80))}: supported values: "Ignore", "Strict", "Warn"`,
  )
}

const parsedObject = async ({ kind, http }: ResourceRequest) =>
  parseBody({
    bytes: await http.body(mostBodyBytes),
    contentType: http.headers['content-type'],
    kind,
    fieldValidation: fieldValidationOf(http.query),
  })

/** The object with the namespace of the URL. @throws Fault BadRequest where it names another one */
export const inNamespaceOf = ({ kind, at }: ResourceRequest, object: KubeObject): KubeObject => {
  const named = object.metadata.namespace ?? ''
  if (!kind.isNamespaced) return object
  if (named !== '' && named !== at.namespace) {
    throw new Fault(
      'BadRequest',
      'the namespace of the provided object does not match the namespace sent on the request',
      {
        found: named,
        expected: at.namespace,
      },
    )
  }
  return { ...object, metadata: { ...object.metadata, namespace: at.namespace } }
}

/** DeleteOptions from the body and, where that is empty, from the query. */
export const deleteOptions = async ({ http }: Pick<ResourceRequest, 'http'>): Promise<DeleteOptions> => {
  const bytes = await http.body(mostBodyBytes)
  const contentType = http.headers['content-type']
  const sent: Partial<SentDeleteOptions> =
    bytes.toString('latin1').trim() === ''
      ? {}
      : parseSent('DeleteOptions', { bytes, contentType, fieldValidation: 'Ignore' }).object
  const seconds = sent.gracePeriodSeconds ?? queryNumber(http.query, 'gracePeriodSeconds')
  if (seconds !== undefined && seconds < 0) {
    throw new Fault('BadRequest', `gracePeriodSeconds: Invalid value: ${seconds}: must be 0 or more`)
  }
  const propagation = propagationOf(
    sent.propagationPolicy ?? http.query.get('propagationPolicy') ?? undefined,
    sent.orphanDependents ?? (http.query.get('orphanDependents') === 'true' || undefined),
  )
  return {
    ...(seconds === undefined ? {} : { gracePeriodSeconds: seconds }),
    ...(propagation === undefined ? {} : { propagationPolicy: propagation }),
    ...(sent.preconditions === undefined ? {} : { preconditions: sent.preconditions }),
    isDryRun: isDryRun([...(sent.dryRun ?? []), ...http.query.getAll('dryRun')]),
  }
}

const propagationOf = (
  policy: string | undefined,
  orphans: boolean | undefined,
): DeleteOptions['propagationPolicy'] => {
  if (policy === undefined || policy === '')
    return orphans === undefined ? undefined : orphans ? 'Orphan' : 'Background'
  if (policy === 'Background' || policy === 'Foreground' || policy === 'Orphan') return policy
  throw new Fault(
    'BadRequest',
    `propagationPolicy: Unsupported value: ${JSON.stringify(policy.slice(0, 80))}: supported values: "Foreground", "Background", "Orphan"`,
  )
}
