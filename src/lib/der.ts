/**
 * The part of DER (ITU-T X.690) that certificates and certificate requests are made of: a writer of values, and a
 * strict reader that knows definite lengths below 64 KiB only.
 */

const tlv = (tag: number, content: Uint8Array): Buffer => {
  const length = content.length
  const head =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : length < 0x10000
          ? [tag, 0x82, length >> 8, length & 0xff]
          : undefined
  if (head === undefined) throw new RangeError(`a DER value of ${length} bytes; at most 65535`)
  return Buffer.concat([Buffer.from(head), content])
}

/** @example der.sequence(der.integer(2), der.oid('1.2.840.10045.4.3.2')) */
export const der = {
  sequence: (...parts: readonly Uint8Array[]): Buffer => tlv(0x30, Buffer.concat(parts)),
  set: (...parts: readonly Uint8Array[]): Buffer => tlv(0x31, Buffer.concat(parts)),
  /** Non-negative: a number below 128, or big-endian bytes. */
  integer: (value: number | Uint8Array): Buffer => {
    const bytes = typeof value === 'number' ? Buffer.from([value]) : Buffer.from(value)
    const start = bytes.findIndex(byte => byte !== 0)
    const short = start < 0 ? Buffer.from([0]) : bytes.subarray(start)
    return tlv(0x02, (short[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), short]) : short)
  },
  boolean: (value: boolean): Buffer => tlv(0x01, Buffer.from([value ? 0xff : 0])),
  oid: (dotted: string): Buffer => {
    const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
    return tlv(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]))
  },
  utf8: (text: string): Buffer => tlv(0x0c, Buffer.from(text)),
  octets: (bytes: Uint8Array): Buffer => tlv(0x04, bytes),
  /** Bits in whole bytes, unless the last `unused` bits are not used. */
  bits: (bytes: Uint8Array, unused = 0): Buffer => tlv(0x03, Buffer.concat([Buffer.from([unused]), bytes])),
  /** RFC 5280 4.1.2.5: UTCTime through the year 2049, GeneralizedTime from 2050. Whole seconds. */
  time: (at: Date): Buffer => {
    const digits = `${at.toISOString().replaceAll(/[-:T]|\.\d+Z$/g, '')}Z`
    return at.getUTCFullYear() < 2050 ? tlv(0x17, Buffer.from(digits.slice(2))) : tlv(0x18, Buffer.from(digits))
  },
  /** `[number]` EXPLICIT, or a constructed IMPLICIT. */
  tagged: (number: number, ...parts: readonly Uint8Array[]): Buffer => tlv(0xa0 | number, Buffer.concat(parts)),
  /** `[number]` IMPLICIT of a primitive. */
  taggedPrimitive: (number: number, bytes: Uint8Array): Buffer => tlv(0x80 | number, bytes),
}

const base128 = (value: number): number[] => {
  const digits = [value & 0x7f]
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) digits.unshift(0x80 | (rest & 0x7f))
  return digits
}

export interface DerValue {
  readonly tag: number
  readonly content: Buffer
  /** Tag, length and content as they came. */
  readonly whole: Buffer
}

/**
 * The values that follow one another in `bytes`, not looking into them.
 *
 * @throws RangeError when the bytes are cut short or a length is not in its shortest form
 */
export const readDer = (bytes: Uint8Array): readonly DerValue[] => {
  const from = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const values: DerValue[] = []
  for (let at = 0; at < from.length; ) {
    const { head, length } = readLength(from, at)
    const end = at + head + length
    if (end > from.length) throw new RangeError(`a value of ${length} bytes at byte ${at} runs past the end`)
    values.push({ tag: from[at] ?? 0, content: from.subarray(at + head, end), whole: from.subarray(at, end) })
    at = end
  }
  return values
}

const readLength = (from: Buffer, at: number): { readonly head: number; readonly length: number } => {
  const first = from[at + 1]
  if (first === undefined) throw new RangeError(`no length at byte ${at + 1}`)
  if (first < 0x80) return { head: 2, length: first }
  const [one, two] = [from[at + 2], from[at + 3]]
  if (first === 0x81 && one !== undefined && one >= 0x80) return { head: 3, length: one }
  if (first === 0x82 && one !== undefined && two !== undefined && one > 0) return { head: 4, length: one * 256 + two }
  throw new RangeError(`a length that is not DER at byte ${at + 1}`)
}
