import { type FaultCause, isFault } from './fault.ts'
import { schemas } from './generated/schemas.ts'
import { canonicalQuantity } from './quantity.ts'
import { type FieldType, fieldType } from './schema-table.ts'

export interface Conformed {
  /** The value as the API keeps it: without nulls and unknown fields, quantities canonical, required scalars there. */
  readonly value: { readonly [field: string]: unknown }
  /** Fields that the type does not have. */
  readonly unknown: readonly UnknownField[]
  /** Fields whose value is not of their type, with the field and the reason. */
  readonly wrong: readonly FaultCause[]
}

/** No list of a manifest is longer: rules that compare its items with each other stay quick. */
const maxListItems = 5_000

export interface UnknownField {
  /** `spec.template.spec.containers[0].imagee` */
  readonly path: string
  /** A field of the same type whose name is close to it: `image`. */
  readonly near: string | undefined
}

/** How many wrong or unknown fields are told; more add nothing. */
const maxFindings = 64

/**
 * Measures a value against a type of the generated table, and gives it the form in which it is kept.
 * As in Kubernetes, null is as good as absent, and a required field that is absent is empty (`''`, 0, false, `[]`, `{}`):
 * the rules of the kind say then what is missing.
 *
 * @param type a name of the generated table, such as `Pod`
 * @example conform({ spec: { containers: [{ nam: 'a' }] } }, 'Pod').unknown // [{ path: 'spec.containers[0].nam', near: 'name' }]
 */
export const conform = (value: unknown, type: string, form: Form = 'full'): Conformed => {
  const findings: Findings = { unknown: [], wrong: [], form }
  const kept = keepObject(value, type, '', findings)
  return { value: kept ?? {}, unknown: findings.unknown, wrong: findings.wrong }
}

/** `sparse`: required fields that are absent stay so. */
export type Form = 'full' | 'sparse'

/** Whether the table has the type. */
export const hasSchema = (type: string): boolean => Object.hasOwn(schemas, type)

/** The fields of a type, taken apart once. @throws TypeError where our own code asks for a type that is not there */
export const fieldsOf = (type: string): ReadonlyMap<string, FieldType> => {
  const known = compiled.get(type)
  if (known !== undefined) return known
  const words = Object.hasOwn(schemas, type) ? schemas[type] : undefined
  if (words === undefined) throw new TypeError(`there is no type ${type} in the schema table`)
  const fields = new Map(Object.entries(words).map(([field, word]) => [field, fieldType(word)]))
  compiled.set(type, fields)
  return fields
}

/** Bounded by the table itself. */
const compiled = new Map<string, ReadonlyMap<string, FieldType>>()

interface Findings {
  readonly unknown: UnknownField[]
  readonly wrong: FaultCause[]
  readonly form: Form
}

type Members = { readonly [field: string]: unknown }

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const keepObject = (value: unknown, type: string, path: string, findings: Findings): Members | undefined => {
  if (!isObject(value)) return tell(findings, path, 'object', value)
  const fields = fieldsOf(type)
  const kept: [string, unknown][] = []
  for (const [name, member] of Object.entries(value)) {
    const field = fields.get(name)
    const at = path === '' ? name : `${path}.${name}`
    if (field === undefined) {
      if (findings.unknown.length < maxFindings) findings.unknown.push({ path: at, near: nearest(name, fields) })
      continue
    }
    const one = member === null ? undefined : keep(member, field, at, findings)
    if (one !== undefined) kept.push([name, one])
  }
  for (const [name, field] of fields) {
    if (findings.form === 'full' && field.isRequired && !kept.some(([known]) => known === name))
      kept.push([name, emptyOf(field)])
  }
  return Object.fromEntries(kept)
}

/** The field that the writer may have meant: at most two letters away, or the same but for case. */
const nearest = (name: string, fields: ReadonlyMap<string, FieldType>): string | undefined => {
  if (name.length > 40) return undefined
  const wanted = name.toLowerCase()
  const most = name.length < 5 ? 1 : 2
  const [best] = [...fields.keys()]
    .map(field => ({ field, far: distance(wanted, field.toLowerCase()) }))
    .filter(one => one.far <= most)
    .toSorted((a, b) => a.far - b.far)
  return best?.field
}

/** Levenshtein's distance. */
const distance = (a: string, b: string): number => {
  if (Math.abs(a.length - b.length) > 2) return 3
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

const keep = (value: unknown, field: FieldType, path: string, findings: Findings): unknown => {
  switch (field.shape) {
    case 'one':
      return keepItem(value, field.item, path, findings)
    case 'list':
      return keepList(value, field.item, path, findings)
    case 'map':
      return keepMap(value, path, findings, (member, at) =>
        member === null ? emptyItem(field.item) : keepItem(member, field.item, at, findings),
      )
    case 'map of lists':
      return keepMap(value, path, findings, (member, at) =>
        member === null ? [] : keepList(member, field.item, at, findings),
      )
  }
}

const keepList = (value: unknown, item: string, path: string, findings: Findings): unknown => {
  if (!Array.isArray(value)) return tell(findings, path, 'array', value)
  if (value.length > maxListItems) return tell(findings, path, `array of at most ${maxListItems} items`, value)
  return value.map((one: unknown, index) =>
    one === null ? emptyItem(item) : keepItem(one, item, `${path}[${index}]`, findings),
  )
}

const keepMap = (
  value: unknown,
  path: string,
  findings: Findings,
  each: (member: unknown, at: string) => unknown,
): unknown => {
  if (!isObject(value)) return tell(findings, path, 'object', value)
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, each(member, `${path}.${key}`)]))
}

const keepItem = (value: unknown, item: string, path: string, findings: Findings): unknown => {
  const scalar = Object.hasOwn(scalars, item) ? scalars[item] : undefined
  if (scalar === undefined) return keepObject(value, item, path, findings)
  const kept = scalar.keep(value)
  return kept === undefined ? tell(findings, path, scalar.expected, value) : kept
}

interface Scalar {
  readonly expected: string
  readonly empty: unknown
  /** The value to keep, or undefined where it is not of the type. */
  keep(value: unknown): unknown
}

const whole = (least: number, most: number) => (value: unknown) =>
  typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most ? value : undefined

const text = (pattern: RegExp) => (value: unknown) =>
  typeof value === 'string' && pattern.test(value) ? value : undefined

const rfc3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

const scalars: { readonly [type: string]: Scalar } = {
  string: { expected: 'string', empty: '', keep: text(/^/) },
  int32: { expected: 'integer', empty: 0, keep: whole(-(2 ** 31), 2 ** 31 - 1) },
  int64: { expected: 'integer', empty: 0, keep: whole(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER) },
  double: { expected: 'number', empty: 0, keep: value => (typeof value === 'number' ? value : undefined) },
  boolean: { expected: 'boolean', empty: false, keep: value => (typeof value === 'boolean' ? value : undefined) },
  IntOrString: {
    expected: 'integer or string',
    empty: 0,
    keep: value => (typeof value === 'string' ? value : whole(-(2 ** 31), 2 ** 31 - 1)(value)),
  },
  Quantity: {
    expected: 'quantity such as 500m, 1.5, 64Mi or 2G',
    empty: '0',
    keep: value => (typeof value === 'string' || typeof value === 'number' ? quantityOf(value) : undefined),
  },
  Time: { expected: 'RFC 3339 time such as 2026-01-31T12:00:00Z', empty: null, keep: text(rfc3339) },
  MicroTime: { expected: 'RFC 3339 time such as 2026-01-31T12:00:00.000000Z', empty: null, keep: text(rfc3339) },
  bytes: {
    expected: 'base64 text',
    empty: '',
    keep: value => (typeof value === 'string' ? text(base64)(value.replaceAll(/[\r\n]/g, '')) : undefined),
  },
  any: { expected: 'value', empty: null, keep: value => value },
}

const quantityOf = (value: string | number): string | undefined => {
  try {
    return canonicalQuantity(value)
  } catch (error) {
    if (isFault(error, 'Malformed')) return undefined
    throw error
  }
}

const emptyItem = (item: string): unknown => (Object.hasOwn(scalars, item) ? scalars[item]?.empty : {})

const emptyOf = (field: FieldType): unknown =>
  field.shape === 'list' ? [] : field.shape === 'one' ? emptyItem(field.item) : {}

const tell = (findings: Findings, path: string, expected: string, value: unknown): undefined => {
  if (findings.wrong.length < maxFindings) {
    findings.wrong.push({
      reason: 'FieldValueTypeInvalid',
      field: path === '' ? '(root)' : path,
      message: `expected ${expected}, found ${described(value)}`,
    })
  }
  return undefined
}

/** What was found, in a few words. */
const described = (value: unknown): string => {
  if (Array.isArray(value)) return value.length > maxListItems ? `array of ${value.length} items` : 'array'
  if (value === null) return 'null'
  if (typeof value === 'object') return 'object'
  const shown = JSON.stringify(value) ?? String(value)
  return `${typeof value} ${shown.length > 64 ? `${shown.slice(0, 61)}...` : shown}`
}
