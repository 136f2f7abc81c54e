import { duplicate, forbidden, immutable, invalid, required, ruled, tooLong } from './causes.ts'
import type { FaultCause } from './fault.ts'
import { labelValue, type NameRule, qualifiedName } from './names.ts'
import type { KubeObject, ObjectMeta } from './types.ts'

/** k8s: annotations of one object, keys and values together. */
const maxAnnotationBytes = 256 * 1024

export interface MetadataRules {
  readonly name: NameRule
  readonly isNamespaced: boolean
}

/**
 * The rules of metadata that hold for every kind (k8s: apimachinery/pkg/api/validation/objectmeta.go), with `before`
 * also those of an update.
 */
export const metadataCauses = (
  object: KubeObject,
  before: KubeObject | undefined,
  rules: MetadataRules,
): readonly FaultCause[] => {
  const meta = object.metadata
  return [
    ...nameCauses(meta, rules),
    ...labelCauses('metadata.labels', meta.labels),
    ...annotationCauses('metadata.annotations', meta.annotations),
    ...ownerCauses(meta),
    ...finalizerCauses(meta),
    ...(before === undefined ? [] : updateCauses(meta, before.metadata)),
  ]
}

const nameCauses = (meta: ObjectMeta, rules: MetadataRules): readonly FaultCause[] => {
  const causes: FaultCause[] = []
  if (meta.generateName !== undefined && meta.generateName !== '') {
    // k8s: a prefix may end in a dash, for the generated part follows it.
    causes.push(...ruled('metadata.generateName', meta.generateName, text => rules.name(text.replace(/-$/, 'a'))))
  }
  if (meta.name === undefined || meta.name === '') {
    if (meta.generateName === undefined || meta.generateName === '') {
      causes.push(required('metadata.name', 'name or generateName is required'))
    }
  } else causes.push(...ruled('metadata.name', meta.name, rules.name))
  if (rules.isNamespaced && (meta.namespace ?? '') === '') causes.push(required('metadata.namespace'))
  if (!rules.isNamespaced && (meta.namespace ?? '') !== '') {
    causes.push(forbidden('metadata.namespace', 'not allowed on this type'))
  }
  return causes
}

/** Keys and values of labels. */
export const labelCauses = (
  field: string,
  labels: { readonly [key: string]: string } | undefined,
): readonly FaultCause[] =>
  Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...ruled(field, key, qualifiedName),
    ...ruled(field, value, labelValue),
  ])

/** Keys of annotations, and their size. */
export const annotationCauses = (
  field: string,
  annotations: { readonly [key: string]: string } | undefined,
): readonly FaultCause[] => {
  const entries = Object.entries(annotations ?? {})
  const bytes = entries.reduce((sum, [key, value]) => sum + key.length + value.length, 0)
  return [
    ...entries.flatMap(([key]) => ruled(field, key, text => qualifiedName(text.toLowerCase()))),
    ...(bytes > maxAnnotationBytes ? [tooLong(field, maxAnnotationBytes)] : []),
  ]
}

const ownerCauses = (meta: ObjectMeta): readonly FaultCause[] => {
  const owners = meta.ownerReferences ?? []
  const causes = owners.flatMap((owner, index) => {
    const field = `metadata.ownerReferences[${index}]`
    const missing = (['apiVersion', 'kind', 'name', 'uid'] as const).filter(name => (owner[name] ?? '') === '')
    return missing.map(name => invalid(`${field}.${name}`, '', `${name} must not be empty`))
  })
  return owners.filter(owner => owner.controller === true).length > 1
    ? [
        ...causes,
        invalid('metadata.ownerReferences', owners.length, 'Only one reference can have Controller set to true'),
      ]
    : causes
}

const finalizerCauses = (meta: ObjectMeta): readonly FaultCause[] => {
  const finalizers = meta.finalizers ?? []
  return finalizers.flatMap((name, index) => {
    const field = `metadata.finalizers[${index}]`
    const isKnown = ['orphan', 'foregroundDeletion', 'kubernetes'].includes(name)
    return [
      ...ruled(field, name, qualifiedName),
      ...(isKnown || name.includes('/')
        ? []
        : [invalid(field, name, 'name is neither a standard finalizer name nor is it fully qualified')]),
      ...(finalizers.indexOf(name) === index ? [] : [duplicate(field, name)]),
    ]
  })
}

const updateCauses = (meta: ObjectMeta, before: ObjectMeta): readonly FaultCause[] =>
  (['name', 'namespace', 'uid', 'creationTimestamp'] as const).flatMap(name =>
    meta[name] === before[name] ? [] : [immutable(`metadata.${name}`, meta[name])],
  )
