import type { KubeObject, ObjectMeta, OwnerReference, Pod, PodCondition } from '../../api/types.ts'

/** The owner that keeps this object: at most one has `controller: true`. */
export const controllerOf = (object: KubeObject): OwnerReference | undefined =>
  object.metadata.ownerReferences?.find(owner => owner.controller === true)

/** `namespace/name`, or the name alone for cluster-scoped objects: the key of queues and indexes. */
export const keyOf = (object: { readonly metadata: ObjectMeta }): string =>
  object.metadata.namespace === undefined || object.metadata.namespace === ''
    ? nameOf(object)
    : `${object.metadata.namespace}/${nameOf(object)}`

export const nameOf = (object: { readonly metadata: ObjectMeta }): string => object.metadata.name ?? ''
export const uidOf = (object: { readonly metadata: ObjectMeta }): string => object.metadata.uid ?? ''

export const isTerminating = (object: { readonly metadata: ObjectMeta }): boolean =>
  object.metadata.deletionTimestamp !== undefined

/** Has ended for good: no container of it will run again. */
export const isFinished = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

/** Counts towards replicas. */
export const isActive = (pod: Pod): boolean => !isFinished(pod) && !isTerminating(pod)

export const podCondition = (pod: Pod, type: string): PodCondition | undefined =>
  pod.status?.conditions?.find(condition => condition.type === type)

export const isReady = (pod: Pod): boolean => podCondition(pod, 'Ready')?.status === 'True'

/** Since when (ms) the pod is available, that is ready for `minReadySeconds`; in the future while it is not yet; undefined when not ready. */
export const availableAtMs = (pod: Pod, minReadySeconds: number): number | undefined => {
  const ready = podCondition(pod, 'Ready')
  if (ready?.status !== 'True') return undefined
  if (minReadySeconds === 0) return 0
  const since = timeMs(ready.lastTransitionTime)
  return since === undefined ? undefined : since + minReadySeconds * 1000
}

export const isAvailable = (pod: Pod, minReadySeconds: number, now: number): boolean =>
  (availableAtMs(pod, minReadySeconds) ?? Number.POSITIVE_INFINITY) <= now

/** Milliseconds since 1970 of an RFC 3339 time, or undefined where there is none that can be read. */
export const timeMs = (time: string | undefined): number | undefined => {
  if (time === undefined) return undefined
  const ms = Date.parse(time)
  return Number.isNaN(ms) ? undefined : ms
}

/** RFC 3339 without fractions, as metav1.Time is written. */
export const timeText = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`

/** RFC 3339 with six digits, as metav1.MicroTime is written. */
export const microTimeText = (ms: number): string => `${new Date(ms).toISOString().slice(0, 23)}000Z`

/** The earliest of the times given, undefined ones left out. */
export const earliest = (...times: readonly (number | undefined)[]): number | undefined => {
  const known = times.filter(time => time !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}
