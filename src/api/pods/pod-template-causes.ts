import { invalid, notSupported, required } from '../causes.ts'
import type { FaultCause } from '../fault.ts'
import { annotationCauses, labelCauses } from '../metadata.ts'
import { matches, selectorOf } from '../selector.ts'
import type { LabelSelector, PodTemplateSpec } from '../types.ts'
import { podSpecCauses } from './pod-causes.ts'
import { selectorCauses } from './selector-causes.ts'

/**
 * The rules that a workload's selector and template share (k8s: ValidatePodTemplateSpecForReplicaSet): the selector
 * selects something, and it selects the template; the pods are restarted always.
 */
export const workloadCauses = (
  selector: LabelSelector | undefined,
  template: PodTemplateSpec | undefined,
): readonly FaultCause[] => {
  if (selector === undefined) return [required('spec.selector'), ...templateCauses(template)]
  const wrong = selectorCauses('spec.selector', selector)
  if (wrong.length > 0) return [...wrong, ...templateCauses(template)]
  const requirements = selectorOf(selector) ?? []
  // An empty selector would select every pod; an absent one reads as empty.
  if (requirements.length === 0) {
    return [required('spec.selector', 'it must select the labels of the template'), ...templateCauses(template)]
  }
  const labels = template?.metadata?.labels ?? {}
  return [
    ...(matches(requirements, labels)
      ? []
      : [invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`')]),
    ...templateCauses(template),
  ]
}

const templateCauses = (template: PodTemplateSpec | undefined): readonly FaultCause[] => {
  if (template?.spec === undefined) return [required('spec.template.spec.containers')]
  const policy = template.spec.restartPolicy
  return [
    ...labelCauses('spec.template.metadata.labels', template.metadata?.labels),
    ...annotationCauses('spec.template.metadata.annotations', template.metadata?.annotations),
    ...podSpecCauses(template.spec, 'spec.template.spec'),
    ...(policy === undefined || policy === 'Always'
      ? []
      : [notSupported('spec.template.spec.restartPolicy', policy, ['Always'])]),
    ...(template.spec.activeDeadlineSeconds === undefined
      ? []
      : [
          invalid(
            'spec.template.spec.activeDeadlineSeconds',
            template.spec.activeDeadlineSeconds,
            'activeDeadlineSeconds in ReplicaSet is not Supported',
          ),
        ]),
  ]
}
