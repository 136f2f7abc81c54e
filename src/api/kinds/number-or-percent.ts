import { invalid } from '../causes.ts'
import type { FaultCause } from '../fault.ts'
import type { IntOrString } from '../types.ts'

/** The number in `3` or `25%`: undefined where there is none. */
export const numberOrPercent = (value: IntOrString | undefined): number | undefined => {
  if (typeof value === 'number') return value
  const match = /^(\d{1,9})%$/.exec(value ?? '')
  return match === null ? undefined : Number(match[1])
}

/** The rules of maxSurge and maxUnavailable (k8s: ValidatePositiveIntOrPercent, IsNotMoreThan100Percent). */
export const percentCauses = (
  field: string,
  value: IntOrString | undefined,
  mostPercent = Number.POSITIVE_INFINITY,
): readonly FaultCause[] => {
  if (value === undefined) return []
  const number = numberOrPercent(value)
  if (number === undefined) {
    return [
      invalid(
        field,
        value,
        "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
      ),
    ]
  }
  if (number < 0) return [invalid(field, value, 'must be greater than or equal to 0')]
  return typeof value === 'string' && number > mostPercent
    ? [invalid(field, value, `must not be greater than ${mostPercent}%`)]
    : []
}
