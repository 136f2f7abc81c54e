import { parseSent } from '../../api/body.ts'
import { Fault } from '../../api/fault.ts'
import { formatSelector, selectorOf } from '../../api/selector.ts'
import type { KubeObject, LabelSelector, Pod, Scale } from '../../api/types.ts'
import { conflict } from '../store/object-names.ts'
import { json, mostBodyBytes, type ResourceRequest, type Rest } from './api-request.ts'
import type { HttpResponse } from './door.ts'
import { isDryRun } from './query.ts'
import { objectAt } from './read-objects.ts'
import { successStatus } from './status-object.ts'
import { fieldValidationOf } from './write-objects.ts'

/** POST to `/eviction`: a deletion that a budget could refuse. There are no budgets yet. */
export const evictPod = async (request: ResourceRequest, rest: Rest): Promise<HttpResponse> => {
  const { at, http } = request
  const bytes = await http.body(mostBodyBytes)
  const contentType = http.headers['content-type']
  const { object: eviction } = parseSent('Eviction', { bytes, contentType, fieldValidation: 'Ignore' })
  const name = eviction.metadata.name ?? at.name
  if (name !== at.name) {
    throw new Fault('BadRequest', `name in URL does not match name in Eviction object: ${at.name} and ${name}`)
  }
  const { gracePeriodSeconds, preconditions, dryRun = [] } = eviction.deleteOptions ?? {}
  await rest.objects.remove('Pod', at, {
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(preconditions === undefined ? {} : { preconditions }),
    isDryRun: isDryRun([...dryRun, ...http.query.getAll('dryRun')]),
  })
  return json(successStatus(), 201)
}

/** POST to `/binding`: puts a pod on a node. */
export const bindPod = async (request: ResourceRequest, rest: Rest): Promise<HttpResponse> => {
  const { at, kind, http } = request
  const bytes = await http.body(mostBodyBytes)
  const contentType = http.headers['content-type']
  const { object: binding } = parseSent('Binding', {
    bytes,
    contentType,
    fieldValidation: fieldValidationOf(http.query),
  })
  const node = binding.target.name ?? ''
  if (node === '') throw new Fault('BadRequest', 'target.name: Required value: the name of a node')
  const pod = objectAt(request, rest) as Pod
  const now = pod.spec?.nodeName ?? ''
  if (now !== '') throw conflict(kind, at.name, `pod ${at.name} is already assigned to node "${now}"`)
  const bound = { ...pod, spec: { containers: [], ...pod.spec, nodeName: node } }
  await rest.objects.update('Pod', bound, { subresource: 'binding', isDryRun: isDryRun(http.query.getAll('dryRun')) })
  return json(successStatus(), 201)
}

type Scalable = KubeObject & {
  readonly spec?: { readonly replicas?: number; readonly selector?: LabelSelector }
  readonly status?: { readonly replicas?: number }
}

/** GET of `/scale`. */
export const getScale = (request: ResourceRequest, rest: Rest): HttpResponse => json(scaleOf(objectAt(request, rest)))

/** The number of replicas of an object, as autoscaling/v1 shows it for every kind alike. */
export const scaleOf = (object: Scalable): Scale => {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  const metadata = { name, namespace, uid, resourceVersion, creationTimestamp }
  const present = Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== undefined))
  const selector = formatSelector(selectorOf(object.spec?.selector) ?? [])
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: present,
    spec: { replicas: object.spec?.replicas ?? 0 },
    status: { replicas: object.status?.replicas ?? 0, ...(selector === '' ? {} : { selector }) },
  }
}

/** PUT of `/scale`. */
export const putScale = async (request: ResourceRequest, rest: Rest): Promise<HttpResponse> => {
  const { http } = request
  const bytes = await http.body(mostBodyBytes)
  const contentType = http.headers['content-type']
  const { object } = parseSent('Scale', { bytes, contentType, fieldValidation: fieldValidationOf(http.query) })
  return await writeScale(request, rest, object)
}

/** Writes the replicas that a Scale wants. */
export const writeScale = async (request: ResourceRequest, rest: Rest, scale: Scale): Promise<HttpResponse> => {
  const { kind, http } = request
  const replicas = scale.spec?.replicas ?? 0
  if (!Number.isInteger(replicas) || replicas < 0) {
    const causes = [
      {
        reason: 'FieldValueInvalid',
        message: `Invalid value: ${replicas}: must be greater than or equal to 0`,
        field: 'spec.replicas',
      },
    ]
    throw new Fault(
      'Invalid',
      `Scale.autoscaling "${request.at.name}" is invalid: spec.replicas: ${causes[0]?.message}`,
      { causes },
    )
  }
  const now: Scalable = objectAt(request, rest)
  const resourceVersion = scale.metadata?.resourceVersion ?? ''
  const { resourceVersion: _, ...unversioned } = now.metadata
  const metadata = resourceVersion === '' ? unversioned : { ...unversioned, resourceVersion }
  const wanted: Scalable = { ...now, metadata, spec: { ...now.spec, replicas } }
  const made = await rest.objects.update(kind.kind, wanted, { isDryRun: isDryRun(http.query.getAll('dryRun')) })
  return json(scaleOf(made))
}
