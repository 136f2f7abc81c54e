import { Fault } from './fault.ts'

/** One field as it is on the wire. */
export interface WireField {
  readonly number: number
  /** A varint or fixed number, or the bytes of a length-delimited field. */
  readonly value: bigint | Uint8Array
}

/** @throws Fault BadRequest */
export const cutShort = (): Fault => new Fault('BadRequest', 'the protobuf body is cut short or is not protobuf')

/**
 * The fields of a protobuf message, in the order of the wire. Groups are refused: nothing of Kubernetes has them.
 * @throws Fault BadRequest
 */
export function* wireFields(bytes: Uint8Array): Generator<WireField> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  while (at < bytes.length) {
    const tag = varintAt(bytes, at)
    at = tag.next
    const number = Number(tag.value >> 3n)
    const wire = Number(tag.value & 7n)
    if (number < 1 || number > 536_870_911) throw cutShort()
    if (wire === 0) {
      const { value, next } = varintAt(bytes, at)
      at = next
      yield { number, value }
    } else if (wire === 2) {
      const length = varintAt(bytes, at)
      const end = length.next + Number(length.value)
      if (end > bytes.length) throw cutShort()
      yield { number, value: bytes.subarray(length.next, end) }
      at = end
    } else if (wire === 1 || wire === 5) {
      const size = wire === 1 ? 8 : 4
      if (at + size > bytes.length) throw cutShort()
      yield { number, value: wire === 1 ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true)) }
      at += size
    } else throw cutShort()
  }
}

/** The varints that are packed into one field. @throws Fault BadRequest */
export function* packedVarints(bytes: Uint8Array): Generator<bigint> {
  let at = 0
  while (at < bytes.length) {
    const { value, next } = varintAt(bytes, at)
    at = next
    yield value
  }
}

const varintAt = (bytes: Uint8Array, start: number): { readonly value: bigint; readonly next: number } => {
  let value = 0n
  for (let index = 0; index < 10; index += 1) {
    const byte = bytes[start + index]
    if (byte === undefined) throw cutShort()
    value |= BigInt(byte & 0x7f) << BigInt(7 * index)
    if (byte < 0x80) return { value: BigInt.asUintN(64, value), next: start + index + 1 }
  }
  throw cutShort()
}
