import type { Kind } from '../../api/kind.ts'
import type { KubeObject, ObjectMeta } from '../../api/types.ts'
import { sameJson } from '../../lib/same-json.ts'
import { apiVersion } from './object-names.ts'

/** An object of any kind, with the two fields that the write path treats apart. */
export type AnyObject = KubeObject & { readonly spec?: unknown; readonly status?: unknown }

const suffixLetters = 'bcdfghjklmnpqrstvwxz2456789'

/** Kubernetes' name for a `generateName`: cut to 58 characters, five letters added. `random` gives 0 up to 1. */
export const generatedName = (prefix: string, random: () => number): string => {
  const letters = Array.from({ length: 5 }, () => suffixLetters[Math.floor(random() * suffixLetters.length)])
  return `${prefix.slice(0, 58)}${letters.join('')}`
}

/** A new object as the hub makes it from what was sent: identity set, status and the system's fields taken off. */
export const prepareCreate = (of: {
  readonly kind: Kind
  readonly object: KubeObject
  readonly now: string
  readonly uid: string
  readonly random: () => number
}): AnyObject => {
  const { status: _, ...sent } = of.object as AnyObject
  const {
    resourceVersion: _version,
    deletionTimestamp: _deleted,
    deletionGracePeriodSeconds: _grace,
    selfLink: _link,
    managedFields: _fields,
    generation: _generation,
    name,
    namespace,
    ...rest
  } = sent.metadata
  const metadata: ObjectMeta = {
    ...nameOf(name, rest.generateName, of.random),
    ...(of.kind.isNamespaced ? { namespace: namespace ?? '' } : {}),
    ...rest,
    uid: of.uid,
    creationTimestamp: of.now,
    ...(of.kind.hasStatus ? { generation: 1 } : {}),
  }
  const object: AnyObject = { ...sent, apiVersion: apiVersion(of.kind), kind: of.kind.kind, metadata }
  return of.kind.hasStatus ? object : { ...object, ...statusOf(of.object) }
}

/** Nothing where there is neither: the kind's rules ask for one. */
const nameOf = (name = '', prefix = '', random: () => number): { readonly name?: string } => {
  if (name !== '') return { name }
  return prefix === '' ? {} : { name: generatedName(prefix, random) }
}

/** The next state of an object: what the caller may change from `object`, everything else from `before`. */
export const prepareUpdate = (of: {
  readonly kind: Kind
  readonly object: KubeObject
  readonly before: KubeObject
  readonly subresource: string | undefined
}): AnyObject => {
  const before = of.before as AnyObject
  const { kind, subresource } = of
  const metadata = keepSystemFields(of.object.metadata, before.metadata)
  const named = { apiVersion: apiVersion(kind), kind: kind.kind }
  if (subresource === 'status') return { ...before, ...named, ...withoutOrWith(statusOf(of.object)) }
  // k8s: a Namespace's spec is its finalizers, and only `/finalize` changes them.
  if (kind.kind === 'Namespace' && subresource !== 'finalize') return { ...before, ...named, metadata }
  const { status: _, ...rest } = of.object as AnyObject
  const object: AnyObject = { ...rest, ...named, metadata }
  // k8s: a binding sets spec.nodeName and the condition PodScheduled in one write.
  if (subresource === 'binding') return { ...before, ...named, spec: object.spec, ...statusOf(of.object) }
  return { ...object, ...statusOf(kind.hasStatus ? before : of.object) }
}

const withoutOrWith = (status: { readonly status?: unknown }) => ('status' in status ? status : { status: undefined })

const statusOf = (object: KubeObject): { readonly status?: unknown } =>
  'status' in object && object.status !== undefined ? { status: object.status } : {}

const systemFields = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'generation',
  'generateName',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'resourceVersion',
] as const

const dropped: readonly string[] = [...systemFields, 'managedFields', 'selfLink']

/** The caller's metadata, with the fields that only the system changes as they were. */
const keepSystemFields = (sent: ObjectMeta, before: ObjectMeta): ObjectMeta =>
  Object.fromEntries([
    ...systemFields.flatMap(name => (before[name] === undefined ? [] : [[name, before[name]] as const])),
    ...Object.entries(sent).filter(([name]) => !dropped.includes(name)),
  ])

/** Counts the generation up when anything beside metadata and status has changed (k8s: metadata.generation). */
export const withGeneration = (kind: Kind, object: AnyObject, before: AnyObject): AnyObject => {
  if (!kind.hasStatus) return object
  const wish = ({ metadata: _, status: __, ...rest }: AnyObject) => rest
  const generation = before.metadata.generation ?? 1
  const isSame = sameJson(wish(object), wish(before))
  return { ...object, metadata: { ...object.metadata, generation: isSame ? generation : generation + 1 } }
}
