import { Fault, type FaultCause } from './fault.ts'

/**
 * The causes of a 422, in the reasons and words of Kubernetes (k8s: apimachinery/pkg/util/validation/field).
 * `field` is a path such as `spec.containers[0].image`.
 */
export const invalid = (field: string, value: unknown, why: string): FaultCause => ({
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${shown(value)}: ${why}`,
  field,
})

export const required = (field: string, why = ''): FaultCause => ({
  reason: 'FieldValueRequired',
  message: why === '' ? 'Required value' : `Required value: ${why}`,
  field,
})

export const duplicate = (field: string, value: unknown): FaultCause => ({
  reason: 'FieldValueDuplicate',
  message: `Duplicate value: ${shown(value)}`,
  field,
})

export const forbidden = (field: string, why: string): FaultCause => ({
  reason: 'FieldValueForbidden',
  message: `Forbidden: ${why}`,
  field,
})

export const notFound = (field: string, value: unknown): FaultCause => ({
  reason: 'FieldValueNotFound',
  message: `Not found: ${shown(value)}`,
  field,
})

export const notSupported = (field: string, value: unknown, supported: readonly string[]): FaultCause => ({
  reason: 'FieldValueNotSupported',
  message: `Unsupported value: ${shown(value)}: supported values: ${supported.map(one => `"${one}"`).join(', ')}`,
  field,
})

export const tooLong = (field: string, most: number): FaultCause => ({
  reason: 'FieldValueTooLong',
  message: `Too long: may not be more than ${most} bytes`,
  field,
})

/** A value in a message: bounded, so that no manifest makes an endless one. */
const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'null'
  return text.length > 256 ? `${text.slice(0, 253)}...` : text
}

/** One of a set of words; absent is no fault here. */
export const oneOf = (field: string, value: string | undefined, supported: readonly string[]): readonly FaultCause[] =>
  value === undefined || supported.includes(value) ? [] : [notSupported(field, value, supported)]

/** A rule of names.ts as causes. */
export const ruled = (
  field: string,
  value: string,
  rule: (text: string) => string | undefined,
): readonly FaultCause[] => {
  const why = rule(value)
  return why === undefined ? [] : [invalid(field, value, why)]
}

/** Where a number may not be negative. */
export const notNegative = (field: string, value: number | undefined): readonly FaultCause[] =>
  value === undefined || value >= 0 ? [] : [invalid(field, value, 'must be greater than or equal to 0')]

/** A field that may not change once it is set. */
export const immutable = (field: string, value: unknown, why = 'field is immutable'): FaultCause =>
  invalid(field, value, why)

/**
 * The 422 of an object, as kubectl shows it.
 * @param kind with its group, such as `Deployment.apps` or `Pod`
 * @example throw invalidObject('Pod', 'web', [required('spec.containers')])
 */
export const invalidObject = (kind: string, name: string, causes: readonly FaultCause[]): Fault => {
  const texts = [...new Set(causes.map(({ field, message }) => `${field}: ${message}`))]
  const said = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`
  return new Fault('Invalid', `${kind} "${name}" is invalid: ${said}`, { causes, kind, name })
}
