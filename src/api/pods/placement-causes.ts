import { invalid, notSupported, oneOf, required, ruled } from '../causes.ts'
import type { FaultCause } from '../fault.ts'
import { labelValue, qualifiedName } from '../names.ts'
import type { NodeAffinity, NodeSelectorRequirement, NodeSelectorTerm, Toleration } from '../types.ts'

/** What is wrong with tolerations (k8s: ValidateTolerations). */
export const tolerationCauses = (tolerations: readonly Toleration[], field: string): readonly FaultCause[] =>
  tolerations.flatMap((one, index) => {
    const at = `${field}[${index}]`
    const key = one.key ?? ''
    const operator = one.operator || 'Equal'
    return [
      ...(key === '' ? [] : ruled(`${at}.key`, key, qualifiedName)),
      ...(key === '' && operator !== 'Exists'
        ? [
            invalid(
              `${at}.operator`,
              operator,
              'operator must be Exists when `key` is empty, which means "match all values and all keys"',
            ),
          ]
        : []),
      ...(operator === 'Exists' && (one.value ?? '') !== ''
        ? [invalid(`${at}.operator`, one, "value must be empty when `operator` is 'Exists'")]
        : []),
      ...oneOf(`${at}.operator`, operator, ['Equal', 'Exists']),
      ...(operator === 'Equal' ? ruled(`${at}.value`, one.value ?? '', labelValue) : []),
      ...(one.effect === '' ? [] : oneOf(`${at}.effect`, one.effect, ['NoSchedule', 'PreferNoSchedule', 'NoExecute'])),
      ...(one.tolerationSeconds !== undefined && one.effect !== 'NoExecute'
        ? [invalid(`${at}.effect`, one.effect, "effect must be 'NoExecute' when `tolerationSeconds` is set")]
        : []),
    ]
  })

/** What is wrong with a node affinity (k8s: validateNodeAffinity). */
export const nodeAffinityCauses = (affinity: NodeAffinity | undefined, field: string): readonly FaultCause[] => {
  const wanted = affinity?.requiredDuringSchedulingIgnoredDuringExecution
  const requiredAt = `${field}.requiredDuringSchedulingIgnoredDuringExecution`
  return [
    ...(wanted !== undefined && wanted.nodeSelectorTerms.length === 0
      ? [required(`${requiredAt}.nodeSelectorTerms`, 'must have at least one node selector term')]
      : []),
    ...(wanted?.nodeSelectorTerms ?? []).flatMap((term, index) =>
      termCauses(term, `${requiredAt}.nodeSelectorTerms[${index}]`),
    ),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).flatMap((one, index) => {
      const at = `${field}.preferredDuringSchedulingIgnoredDuringExecution[${index}]`
      return [
        ...(one.weight < 1 || one.weight > 100
          ? [invalid(`${at}.weight`, one.weight, 'must be in the range 1-100')]
          : []),
        ...termCauses(one.preference, `${at}.preference`),
      ]
    }),
  ]
}

const termCauses = (term: NodeSelectorTerm, field: string): readonly FaultCause[] => [
  ...(term.matchExpressions ?? []).flatMap((one, index) => [
    ...ruled(`${field}.matchExpressions[${index}].key`, one.key, qualifiedName),
    ...operatorCauses(one, `${field}.matchExpressions[${index}]`),
  ]),
  ...(term.matchFields ?? []).flatMap((one, index) => {
    const at = `${field}.matchFields[${index}]`
    return [
      ...(one.key === 'metadata.name' ? [] : [invalid(`${at}.key`, one.key, 'not a valid field selector key')]),
      ...oneOf(`${at}.operator`, one.operator, ['In', 'NotIn']),
      ...(one.values?.length === 1
        ? []
        : [
            required(
              `${at}.values`,
              "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
            ),
          ]),
    ]
  }),
]

const operatorCauses = ({ operator, values = [] }: NodeSelectorRequirement, at: string): readonly FaultCause[] => {
  switch (operator) {
    case 'In':
    case 'NotIn':
      return values.length > 0 ? [] : [required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'")]
    case 'Exists':
    case 'DoesNotExist':
      return values.length === 0
        ? []
        : [invalid(`${at}.values`, values, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")]
    case 'Gt':
    case 'Lt':
      return values.length === 1
        ? []
        : [required(`${at}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'")]
    default:
      return [notSupported(`${at}.operator`, operator, ['DoesNotExist', 'Exists', 'Gt', 'In', 'Lt', 'NotIn'])]
  }
}
