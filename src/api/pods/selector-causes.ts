import { forbidden, invalid, required, ruled } from '../causes.ts'
import type { FaultCause } from '../fault.ts'
import { labelValue, qualifiedName } from '../names.ts'
import type { LabelSelector } from '../types.ts'

/** The rules of a LabelSelector object (k8s: ValidateLabelSelector). */
export const selectorCauses = (field: string, selector: LabelSelector): readonly FaultCause[] => [
  ...Object.entries(selector.matchLabels ?? {}).flatMap(([key, value]) => [
    ...ruled(`${field}.matchLabels`, key, qualifiedName),
    ...ruled(`${field}.matchLabels`, value, labelValue),
  ]),
  ...(selector.matchExpressions ?? []).flatMap((one, index) => {
    const at = `${field}.matchExpressions[${index}]`
    return [
      ...ruled(`${at}.key`, one.key, qualifiedName),
      ...operatorCauses(at, one.operator, one.values ?? []),
      ...(one.values ?? []).flatMap((value, number) => ruled(`${at}.values[${number}]`, value, labelValue)),
    ]
  }),
]

const operatorCauses = (at: string, operator: string, values: readonly string[]): readonly FaultCause[] => {
  switch (operator) {
    case 'In':
    case 'NotIn':
      return values.length > 0 ? [] : [required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'")]
    case 'Exists':
    case 'DoesNotExist':
      return values.length === 0
        ? []
        : [forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")]
    default:
      return [invalid(`${at}.operator`, operator, 'not a valid selector operator')]
  }
}
