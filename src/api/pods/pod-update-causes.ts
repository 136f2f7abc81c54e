import { forbidden, invalid, required } from '../causes.ts'
import { isEqual } from '../equal.ts'
import type { FaultCause } from '../fault.ts'
import type { Container, Pod, PodSpec, Toleration } from '../types.ts'
import { tolerationCauses } from './placement-causes.ts'

const allowed =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'

/** What an update of a pod may not do (k8s: ValidatePodUpdate). Binding it to a node, once, is no change. */
export const podUpdateCauses = (pod: Pod, before: Pod): readonly FaultCause[] => {
  const now = pod.spec ?? { containers: [] }
  const was = before.spec ?? { containers: [] }
  return [
    ...imageCauses(now.containers, 'spec.containers'),
    ...imageCauses(now.initContainers ?? [], 'spec.initContainers'),
    ...deadlineCauses(now.activeDeadlineSeconds, was.activeDeadlineSeconds),
    ...addedTolerationCauses(now.tolerations ?? [], was.tolerations ?? []),
    ...gateCauses(now, was),
    ...(isEqual(fixed(now, was), fixed(was, was)) ? [] : [forbidden('spec', allowed)]),
  ]
}

const imageCauses = (containers: readonly Container[], field: string): readonly FaultCause[] =>
  containers.flatMap((one, index) => ((one.image ?? '') === '' ? [required(`${field}[${index}].image`)] : []))

const deadlineCauses = (now: number | undefined, was: number | undefined): readonly FaultCause[] => {
  if (now === was || (was === undefined && now !== undefined && now > 0)) return []
  if (now === undefined)
    return [invalid('spec.activeDeadlineSeconds', now ?? null, 'must not update from a positive integer to nil value')]
  return now > (was ?? 0)
    ? [invalid('spec.activeDeadlineSeconds', now, 'must be less than or equal to previous value')]
    : []
}

const addedTolerationCauses = (now: readonly Toleration[], was: readonly Toleration[]): readonly FaultCause[] => {
  const bare = ({ key, operator, value, effect }: Toleration): string =>
    JSON.stringify([key ?? '', operator || 'Equal', value ?? '', effect ?? ''])
  const kept = new Set(now.map(bare))
  const lost = was.filter(one => !kept.has(bare(one)))
  return lost.length > 0
    ? [forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds')]
    : tolerationCauses(now, 'spec.tolerations')
}

const gateCauses = (now: PodSpec, was: PodSpec): readonly FaultCause[] =>
  (now.schedulingGates ?? [])
    .filter(one => !(was.schedulingGates ?? []).some(other => other.name === one.name))
    .map(one =>
      forbidden('spec.schedulingGates', `only deletion is allowed, but found new scheduling gate '${one.name}'`),
    )

/** The spec without what may change: the rest must be what it was. */
const fixed = (spec: PodSpec, was: PodSpec): PodSpec => ({
  ...spec,
  containers: spec.containers.map(one => ({ ...one, image: '' })),
  initContainers: (spec.initContainers ?? []).map(one => ({ ...one, image: '' })),
  activeDeadlineSeconds: 0,
  tolerations: [],
  schedulingGates: [],
  nodeName: was.nodeName ? (spec.nodeName ?? '') : '',
})
