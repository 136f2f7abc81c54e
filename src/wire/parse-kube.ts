import { shapes } from './generated/shapes.ts'
import { malformed, type Parse } from './parse.ts'

/** What a reader may want to know beside the value: fields that this version does not know. */
export interface Unknowns {
  /** Paths such as `pods[0].spec.foo`, at most `mostUnknown`. */
  readonly paths: string[]
}

export const mostUnknown = 32
const mostText = 2 * 1024 * 1024
const mostItems = 2000

/**
 * Checks a Kubernetes object, deep, against the generated shapes. The value is handed on as it came, unknown
 * fields and all, because hashes are taken of what the hub stored; `unknowns` learns of them.
 *
 * @example const parsePod = kube<Pod>('Pod', unknowns)
 * @throws Fault Malformed naming the field
 */
export const kube =
  <T>(shape: string, unknowns?: Unknowns): Parse<T> =>
  (value, at) => {
    checkShape(shape, value, at, unknowns)
    return value as T
  }

const checkShape = (shape: string, value: unknown, at: string, unknowns: Unknowns | undefined): void => {
  const fields = shapes[shape]
  if (fields === undefined) throw new Error(`no shape "${shape}" was generated`)
  if (!isObject(value)) throw malformed(at, value, `an object (${shape})`)
  for (const [name, type] of Object.entries(fields)) {
    const member = Object.hasOwn(value, name) ? value[name] : undefined
    // k8s: null is the same as absent.
    if ((member === undefined || member === null) && type.startsWith('?')) continue
    checkType(type.replace('?', ''), member, `${at}.${name}`, unknowns)
  }
  if (unknowns === undefined) return
  for (const name of Object.keys(value))
    if (!Object.hasOwn(fields, name) && unknowns.paths.length < mostUnknown)
      unknowns.paths.push(`${at}.${name}`.slice(0, 200))
}

const checkType = (type: string, value: unknown, at: string, unknowns: Unknowns | undefined): void => {
  if (type.startsWith('[')) {
    if (!Array.isArray(value) || value.length > mostItems) throw malformed(at, value, `a list of at most ${mostItems}`)
    for (const [index, item] of value.entries()) checkType(type.slice(1), item, `${at}[${index}]`, unknowns)
    return
  }
  if (type.startsWith('{')) {
    if (!isObject(value) || Object.keys(value).length > mostItems)
      throw malformed(at, value, `an object of at most ${mostItems} members`)
    // k8s: a quantity may be written as a number; the models call a map of quantities a map of strings.
    const isQuantities = /\.(limits|requests|capacity|allocatable|allocatedResources)$/.test(at)
    const member = isQuantities ? 'IntOrString' : type.slice(1)
    for (const [key, item] of Object.entries(value)) checkType(member, item, `${at}.${key}`, unknowns)
    return
  }
  const scalar = scalars[type]
  if (scalar === undefined) checkShape(type, value, at, unknowns)
  else if (!scalar.holds(value)) throw malformed(at, value, scalar.expected)
}

const isText = (value: unknown): boolean => typeof value === 'string' && value.length <= mostText
const isNumber = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value)

const scalars: { readonly [type: string]: { readonly holds: (value: unknown) => boolean; readonly expected: string } } =
  {
    string: { holds: isText, expected: 'a string' },
    number: { holds: isNumber, expected: 'a number' },
    boolean: { holds: value => typeof value === 'boolean', expected: 'true or false' },
    IntOrString: { holds: value => isText(value) || isNumber(value), expected: 'a number or a string' },
    unknown: { holds: () => true, expected: 'anything' },
  }

const isObject = (value: unknown): value is { readonly [name: string]: unknown } =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
