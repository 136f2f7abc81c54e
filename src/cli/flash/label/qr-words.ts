import { Fault } from '../../../api/fault.ts'

/** What a version of QR code holds at error correction level M. (ISO/IEC 18004, tables 7 and 9) */
export interface QrVersion {
  readonly version: number
  /** Words of correction in each block. */
  readonly correction: number
  /** Words of data of each block. */
  readonly blocks: readonly number[]
}

const versions: readonly QrVersion[] = [
  { version: 1, correction: 10, blocks: [16] },
  { version: 2, correction: 16, blocks: [28] },
  { version: 3, correction: 26, blocks: [44] },
  { version: 4, correction: 18, blocks: [32, 32] },
  { version: 5, correction: 24, blocks: [43, 43] },
  { version: 6, correction: 16, blocks: [27, 27, 27, 27] },
  { version: 7, correction: 18, blocks: [31, 31, 31, 31] },
  { version: 8, correction: 22, blocks: [38, 38, 39, 39] },
  { version: 9, correction: 22, blocks: [36, 36, 36, 37, 37] },
]

/**
 * The words of a QR code for this text, data and correction interleaved, and the smallest version that holds them.
 *
 * @throws Fault BadRequest for more than 180 bytes
 */
export const qrWords = (text: string): { readonly version: number; readonly words: readonly number[] } => {
  const bytes = Buffer.from(text, 'utf8')
  // Four bits of mode, eight of length.
  const found = versions.find(one => sum(one.blocks) >= bytes.length + 2)
  if (found === undefined)
    throw new Fault(
      'BadRequest',
      `a label holds at most ${sum(versions.at(-1)?.blocks ?? []) - 2} bytes, not ${bytes.length}`,
    )
  const data = dataWords(bytes, sum(found.blocks))
  let from = 0
  const blocks = found.blocks.map(length => {
    const block = data.slice(from, from + length)
    from += length
    return { data: block, correction: correctionOf(block, found.correction) }
  })
  const longest = Math.max(...found.blocks)
  const words = [
    ...indices(longest).flatMap(at => blocks.flatMap(one => one.data.slice(at, at + 1))),
    ...indices(found.correction).flatMap(at => blocks.flatMap(one => one.correction.slice(at, at + 1))),
  ]
  return { version: found.version, words }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)
const indices = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at)

/** Mode "bytes", length, the bytes, an end, and filling. */
const dataWords = (bytes: Uint8Array, capacity: number): readonly number[] => {
  const bits = [
    ...bitsOf(0b0100, 4),
    ...bitsOf(bytes.length, 8),
    ...[...bytes].flatMap(byte => bitsOf(byte, 8)),
    ...bitsOf(0, 4),
  ]
  const words = indices(Math.floor(bits.length / 8)).map(at =>
    bits.slice(at * 8, at * 8 + 8).reduce((word, bit) => word * 2 + bit, 0),
  )
  const filling = indices(capacity - words.length).map(at => (at % 2 === 0 ? 0xec : 0x11))
  return [...words, ...filling]
}

export const bitsOf = (value: number, count: number): readonly number[] =>
  indices(count).map(at => (value >>> (count - 1 - at)) & 1)

/** Multiplication in GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1. */
const times = (a: number, b: number): number => {
  let product = 0
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = (product << 1) ^ ((product >>> 7) * 0x11d)
    product ^= ((b >>> bit) & 1) * a
  }
  return product
}

/** Reed and Solomon's words for a block: what is left when it is divided by the generator of that degree. */
const correctionOf = (data: readonly number[], degree: number): readonly number[] => {
  const generator = generatorOf(degree)
  let rest: number[] = indices(degree).map(() => 0)
  for (const word of data) {
    const factor = word ^ (rest[0] ?? 0)
    rest = [...rest.slice(1), 0].map((value, at) => value ^ times(generator[at] ?? 0, factor))
  }
  return rest
}

/** (x - 1)(x - 2)(x - 4)…, without its first coefficient, which is 1. */
const generatorOf = (degree: number): readonly number[] => {
  const coefficients: number[] = indices(degree).map(at => (at === degree - 1 ? 1 : 0))
  let root = 1
  for (let done = 0; done < degree; done += 1) {
    for (let at = 0; at < degree; at += 1)
      coefficients[at] = times(coefficients[at] ?? 0, root) ^ (coefficients[at + 1] ?? 0)
    root = times(root, 2)
  }
  return coefficients
}
