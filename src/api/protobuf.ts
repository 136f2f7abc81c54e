import { Fault } from './fault.ts'
import { protobufFields } from './generated/protobuf.ts'
import { cutShort, packedVarints, type WireField, wireFields } from './protobuf-reader.ts'
import { fieldsOf, hasSchema } from './schema.ts'
import type { FieldType } from './schema-table.ts'
import { maxDepth } from './strict-json.ts'

/** Which Content-Type says that a body is Kubernetes' protobuf. */
export const protobufType = 'application/vnd.kubernetes.protobuf'

export interface DecodedProtobuf {
  readonly apiVersion: string
  readonly kind: string
  /** As JSON has it, not yet measured against the schema. */
  readonly value: { readonly [field: string]: unknown }
  /** Fields with numbers that the table does not know: those of a newer client. */
  readonly unknown: readonly string[]
}

/** `k8s` and a zero byte. */
const magic = [0x6b, 0x38, 0x73, 0x00]

/**
 * Reads a body as kubectl's generators send it: four bytes, then runtime.Unknown with the type and the raw message.
 *
 * Two things differ from plain protobuf. Structs that are inlined in JSON are messages of their own on the wire. And
 * scalars that are no pointers are always on the wire, as '', 0 or false: they are dropped, since absent is what they mean.
 *
 * @param schemaOf the name of the type in the schema table, or undefined where it is unknown
 * @throws Fault BadRequest
 * @example decodeProtobuf(bytes, (apiVersion, kind) => kindOf(apiVersion, kind)?.schema).value
 */
export const decodeProtobuf = (
  bytes: Uint8Array,
  schemaOf: (apiVersion: string, kind: string) => string | undefined,
): DecodedProtobuf => {
  if (!magic.every((byte, index) => bytes[index] === byte)) {
    throw new Fault('BadRequest', 'the body does not begin as Kubernetes protobuf does (k8s and a zero byte)')
  }
  const envelope = new Map([...wireFields(bytes.subarray(4))].map(field => [field.number, field]))
  const typeMeta = new Map([...wireFields(bytesOf(envelope.get(1)))].map(field => [field.number, textOf(field)]))
  const apiVersion = typeMeta.get(1) ?? ''
  const kind = typeMeta.get(2) ?? ''
  const type = schemaOf(apiVersion, kind)
  if (type === undefined || !Object.hasOwn(protobufFields, type)) {
    throw new Fault('BadRequest', `no matches for kind "${kind}" in version "${apiVersion}"`)
  }
  const unknown: string[] = []
  const value = message(bytesOf(envelope.get(2)), type, { unknown, depth: 0 })
  return { apiVersion, kind, value, unknown }
}

interface Reading {
  readonly unknown: string[]
  readonly depth: number
}

/** How many unknown fields are told; more add nothing. */
const maxUnknown = 32

const message = (bytes: Uint8Array, type: string, reading: Reading): { readonly [field: string]: unknown } => {
  if (reading.depth > maxDepth) throw new Fault('BadRequest', `the protobuf is nested deeper than ${maxDepth} levels`)
  const members = new Map<string, unknown>()
  readInto(members, bytes, type, type, { ...reading, depth: reading.depth + 1 })
  return Object.fromEntries(
    [...members].map(([name, value]) => [name, value instanceof Map ? Object.fromEntries(value) : value]),
  )
}

/** `table` differs from `type` for a struct that is inlined in it. */
const readInto = (
  members: Map<string, unknown>,
  bytes: Uint8Array,
  type: string,
  table: string,
  reading: Reading,
): void => {
  const words = protobufFields[table] ?? {}
  for (const wire of wireFields(bytes)) {
    const word = words[wire.number]
    if (word === undefined) {
      if (reading.unknown.length < maxUnknown) reading.unknown.push(`unknown field number ${wire.number} of ${type}`)
      continue
    }
    if (word.startsWith('>')) {
      readInto(members, bytesOf(wire), type, word.slice(1), reading)
      continue
    }
    const isPointer = word.endsWith('*')
    const name = isPointer ? word.slice(0, -1) : word
    const field = fieldsOf(type).get(name)
    if (field !== undefined) readField(members, name, field, wire, isPointer, reading)
  }
}

const readField = (
  members: Map<string, unknown>,
  name: string,
  field: FieldType,
  wire: WireField,
  isPointer: boolean,
  reading: Reading,
): void => {
  switch (field.shape) {
    case 'one': {
      const value = item(wire, field.item, reading)
      if (isPointer || !isZero(value)) members.set(name, value)
      return
    }
    case 'list': {
      const now = members.get(name)
      const items = isPacked(field.item, wire)
        ? [...packedVarints(bytesOf(wire))].map(value => item({ number: wire.number, value }, field.item, reading))
        : [item(wire, field.item, reading)]
      if (Array.isArray(now)) for (const one of items) now.push(one)
      else members.set(name, items)
      return
    }
    case 'map':
    case 'map of lists': {
      const entry = mapEntry(wire, field, reading)
      const now = members.get(name)
      members.set(name, now instanceof Map ? now.set(...entry) : new Map([entry]))
    }
  }
}

const isZero = (value: unknown): boolean => value === '' || value === 0 || value === false || value === undefined

const isPacked = (type: string, { value }: WireField): boolean =>
  typeof value !== 'bigint' && (type === 'int32' || type === 'int64' || type === 'boolean')

const mapEntry = (wire: WireField, { shape, item: type }: FieldType, reading: Reading): [string, unknown] => {
  const fields = new Map([...wireFields(bytesOf(wire))].map(field => [field.number, field]))
  const key = fields.get(1)
  const value = fields.get(2) ?? { number: 2, value: new Uint8Array() }
  const name = key === undefined ? '' : textOf(key)
  if (name === '__proto__') throw new Fault('BadRequest', 'a member may not be named "__proto__"')
  return [
    name,
    shape === 'map' ? item(value, type, reading) : [...wireFields(bytesOf(value))].map(one => item(one, type, reading)),
  ]
}

const item = (wire: WireField, type: string, reading: Reading): unknown => {
  const scalar = Object.hasOwn(scalars, type) ? scalars[type] : undefined
  if (scalar !== undefined) return scalar(wire)
  if (!hasSchema(type)) throw new TypeError(`there is no type ${type} in the schema table`)
  return message(bytesOf(wire), type, reading)
}

const bytesOf = (wire: WireField | undefined): Uint8Array => {
  if (wire === undefined) return new Uint8Array()
  if (typeof wire.value === 'bigint') throw cutShort()
  return wire.value
}

const textOf = (wire: WireField): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytesOf(wire))
  } catch (error) {
    if (error instanceof Fault) throw error
    throw new Fault('BadRequest', 'a text of the protobuf body is not UTF-8', {}, error)
  }
}

const integerOf = ({ value }: WireField): number => {
  if (typeof value !== 'bigint') throw cutShort()
  return Number(BigInt.asIntN(64, value))
}

const numbered = (wire: WireField): ReadonlyMap<number, WireField> =>
  new Map([...wireFields(bytesOf(wire))].map(field => [field.number, field]))

const scalars: { readonly [type: string]: (wire: WireField) => unknown } = {
  string: textOf,
  int32: integerOf,
  int64: integerOf,
  boolean: wire => integerOf(wire) !== 0,
  bytes: wire => Buffer.from(bytesOf(wire)).toString('base64'),
  Quantity: wire => {
    const text = numbered(wire).get(1)
    return text === undefined ? '' : textOf(text)
  },
  IntOrString: wire => {
    const fields = numbered(wire)
    const [type, number, text] = [fields.get(1), fields.get(2), fields.get(3)]
    if (type !== undefined && integerOf(type) === 1) return text === undefined ? '' : textOf(text)
    return number === undefined ? 0 : integerOf(number)
  },
  Time: wire => timeOf(wire, 0),
  MicroTime: wire => timeOf(wire, 6),
  any: wire => {
    const raw = numbered(wire).get(1)
    if (raw === undefined) return undefined
    try {
      return JSON.parse(textOf(raw))
    } catch (error) {
      if (error instanceof Fault) throw error
      throw new Fault('BadRequest', 'a raw value of the protobuf body is not JSON', {}, error)
    }
  },
}

/** An empty Time is none. */
const timeOf = (wire: WireField, digits: 0 | 6): string | undefined => {
  const fields = numbered(wire)
  const [seconds, nanos] = [fields.get(1), fields.get(2)]
  if (seconds === undefined && nanos === undefined) return undefined
  const ms = (seconds === undefined ? 0 : integerOf(seconds)) * 1000
  if (!(Math.abs(ms) <= 8.64e15)) throw new Fault('BadRequest', 'a time of the protobuf body is out of range')
  const whole = new Date(ms).toISOString().replace(/\.\d+Z$/, '')
  const micros = Math.floor((nanos === undefined ? 0 : integerOf(nanos)) / 1000)
  return digits === 0 ? `${whole}Z` : `${whole}.${String(micros).padStart(6, '0')}Z`
}
