import type { Kind } from '../../api/kind.ts'
import type { KubeObject } from '../../api/types.ts'
import type { DeleteOptions } from '../objects.ts'
import type { AnyObject } from './prepare-object.ts'

/** What a deletion comes to: the object leaves, it stays marked (its next state), or it is marked already. */
export type Deletion =
  | { readonly action: 'remove' }
  | { readonly action: 'mark'; readonly object: AnyObject }
  | { readonly action: 'wait' }

/**
 * k8s: registry/rest BeforeDelete. `now` in ms. A pod that a node holds is marked with its grace and stays until the
 * node has let go; finalizers keep anything.
 */
export const prepareDelete = (of: {
  readonly kind: Kind
  readonly object: KubeObject
  readonly options: DeleteOptions
  readonly now: number
}): Deletion => {
  const object = of.object as AnyObject
  const grace = graceOf(of.kind, object, of.options)
  const finalizers = finalizersOf(object, of.options)
  const isKept = finalizers.length > 0 || hasSpecFinalizers(of.kind, object)
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = object.metadata
  if (grace === 0 && !isKept) return { action: 'remove' }
  if (deletionTimestamp !== undefined) {
    const isShorter = grace < deletionGracePeriodSeconds
    if (!isShorter && finalizers.length === (object.metadata.finalizers?.length ?? 0)) return { action: 'wait' }
    const started = Date.parse(deletionTimestamp) - deletionGracePeriodSeconds * 1000
    const seconds = Math.min(grace, deletionGracePeriodSeconds)
    return { action: 'mark', object: marked(object, Math.min(started, of.now), seconds, finalizers) }
  }
  return { action: 'mark', object: withPhase(of.kind, marked(object, of.now, grace, finalizers)) }
}

const marked = (object: AnyObject, from: number, grace: number, finalizers: readonly string[]): AnyObject => ({
  ...object,
  metadata: {
    ...object.metadata,
    deletionTimestamp: kubeTime(from + grace * 1000),
    deletionGracePeriodSeconds: grace,
    ...(object.metadata.generation === undefined ? {} : { generation: object.metadata.generation + 1 }),
    ...(finalizers.length === 0 ? {} : { finalizers }),
  },
})

/** Only pods that a node runs have a grace. */
const graceOf = (kind: Kind, object: AnyObject, options: DeleteOptions): number => {
  if (kind.kind !== 'Pod') return 0
  const spec = asRecord(object.spec)
  const phase = asRecord(object.status)['phase']
  if (typeof spec['nodeName'] !== 'string' || spec['nodeName'] === '') return 0
  if (phase === 'Succeeded' || phase === 'Failed') return 0
  const own = spec['terminationGracePeriodSeconds']
  return Math.max(0, options.gracePeriodSeconds ?? (typeof own === 'number' ? own : 30))
}

const finalizersOf = (object: AnyObject, { propagationPolicy }: DeleteOptions): readonly string[] => {
  const present = object.metadata.finalizers ?? []
  const wanted = { Foreground: 'foregroundDeletion', Orphan: 'orphan', Background: undefined }
  if (propagationPolicy === undefined) return present
  const others = present.filter(one => one !== 'foregroundDeletion' && one !== 'orphan')
  const mine = wanted[propagationPolicy]
  return mine === undefined ? others : [...others, mine]
}

/** k8s: a Namespace is kept by spec.finalizers until its content is gone. */
export const hasSpecFinalizers = (kind: Kind, object: AnyObject): boolean => {
  const finalizers = asRecord(object.spec)['finalizers']
  return kind.kind === 'Namespace' && Array.isArray(finalizers) && finalizers.length > 0
}

const withPhase = (kind: Kind, object: AnyObject): AnyObject =>
  kind.kind === 'Namespace' ? { ...object, status: { ...asRecord(object.status), phase: 'Terminating' } } : object

const asRecord = (value: unknown): { readonly [key: string]: unknown } =>
  typeof value === 'object' && value !== null ? { ...value } : {}

/** RFC 3339 without fractions, as metav1.Time is written. */
export const kubeTime = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
