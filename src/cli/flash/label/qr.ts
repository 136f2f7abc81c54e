import { bitsOf, qrWords } from './qr-words.ts'

/** Rows of modules from the top, true where it is dark; without the quiet zone around it. */
export type QrCode = readonly (readonly boolean[])[]

/** Where the centres of alignment patterns stand, by version. */
const alignment: { readonly [version: number]: readonly number[] } = {
  2: [6, 18],
  3: [6, 22],
  4: [6, 26],
  5: [6, 30],
  6: [6, 34],
  7: [6, 22, 38],
  8: [6, 24, 42],
  9: [6, 26, 46],
}

/** (ISO/IEC 18004, table 10) x is the column, y the row. */
const masks: readonly ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_, y) => y % 2 === 0,
  x => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
]

/**
 * A QR code of the text, error correction level M, at most 180 bytes.
 *
 * @throws Fault BadRequest for a longer text
 * @example qrCode('barn').length // 21
 */
export const qrCode = (text: string): QrCode => {
  const { version, words } = qrWords(text)
  const bits = words.flatMap(word => bitsOf(word, 8))
  const codes = masks.map((mask, number) => draw(version, bits, mask, number))
  return codes.reduce((best, code) => (unrest(code) < unrest(best) ? code : best))
}

const draw = (
  version: number,
  bits: readonly number[],
  mask: (x: number, y: number) => boolean,
  maskNumber: number,
): QrCode => {
  const size = 17 + 4 * version
  const grid: (boolean | undefined)[][] = Array.from({ length: size }, () => Array(size).fill(undefined))
  const set = (x: number, y: number, isDark: boolean): void => {
    const row = grid[y]
    if (row !== undefined && x >= 0 && x < size) row[x] = isDark
  }
  drawTiming(size, set)
  for (const [x, y] of [
    [3, 3],
    [size - 4, 3],
    [3, size - 4],
  ] as const)
    drawFinder(x, y, set)
  drawAlignment(version, size, set)
  drawFormat(size, maskNumber, set)
  if (version >= 7) drawVersion(version, size, set)
  let at = 0
  for (const [x, y] of dataPlaces(size)) {
    if (grid[y]?.[x] !== undefined) continue
    // What is left over at the end is light.
    set(x, y, (bits[at] === 1) !== mask(x, y))
    at += 1
  }
  return grid.map(row => row.map(isDark => isDark === true))
}

type Set = (x: number, y: number, isDark: boolean) => void

const drawTiming = (size: number, set: Set): void => {
  for (let at = 0; at < size; at += 1) {
    set(6, at, at % 2 === 0)
    set(at, 6, at % 2 === 0)
  }
}

const drawFinder = (x: number, y: number, set: Set): void => {
  for (let dy = -4; dy <= 4; dy += 1)
    for (let dx = -4; dx <= 4; dx += 1) {
      const ring = Math.max(Math.abs(dx), Math.abs(dy))
      set(x + dx, y + dy, ring !== 2 && ring !== 4)
    }
}

const drawAlignment = (version: number, size: number, set: Set): void => {
  const centres = alignment[version] ?? []
  const isFinder = (x: number, y: number): boolean =>
    (x === 6 && y === 6) || (x === 6 && y === size - 7) || (x === size - 7 && y === 6)
  for (const y of centres)
    for (const x of centres)
      if (!isFinder(x, y))
        for (let dy = -2; dy <= 2; dy += 1)
          for (let dx = -2; dx <= 2; dx += 1) set(x + dx, y + dy, Math.max(Math.abs(dx), Math.abs(dy)) !== 1)
}

/** A value with its BCH check behind it. */
const withCheck = (value: number, checkBits: number, polynomial: number): number => {
  let rest = value
  for (let done = 0; done < checkBits; done += 1) rest = (rest << 1) ^ ((rest >>> (checkBits - 1)) * polynomial)
  return (value << checkBits) | rest
}

/** Level M and the mask, twice. */
const drawFormat = (size: number, maskNumber: number, set: Set): void => {
  const bits = withCheck(maskNumber, 10, 0x537) ^ 0x5412
  const isDark = (at: number): boolean => ((bits >>> at) & 1) === 1
  for (let at = 0; at <= 5; at += 1) set(8, at, isDark(at))
  set(8, 7, isDark(6))
  set(8, 8, isDark(7))
  set(7, 8, isDark(8))
  for (let at = 9; at < 15; at += 1) set(14 - at, 8, isDark(at))
  for (let at = 0; at < 8; at += 1) set(size - 1 - at, 8, isDark(at))
  for (let at = 8; at < 15; at += 1) set(8, size - 15 + at, isDark(at))
  set(8, size - 8, true)
}

const drawVersion = (version: number, size: number, set: Set): void => {
  const bits = withCheck(version, 12, 0x1f25)
  for (let at = 0; at < 18; at += 1) {
    const far = size - 11 + (at % 3)
    const near = Math.floor(at / 3)
    set(far, near, ((bits >>> at) & 1) === 1)
    set(near, far, ((bits >>> at) & 1) === 1)
  }
}

/** Up and down in columns of two, from the right; the column of the timing pattern is left out. */
function* dataPlaces(size: number): Generator<readonly [number, number]> {
  let isUpward = true
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5
    for (let step = 0; step < size; step += 1) {
      const y = isUpward ? size - 1 - step : step
      yield [right, y]
      yield [right - 1, y]
    }
    isUpward = !isUpward
  }
}

/** How hard a code is to read: long runs of one colour, squares of it, and an uneven share of dark. */
const unrest = (code: QrCode): number => {
  const columns = code.map((_, x) => code.map(row => row[x] === true))
  const runs = [...code, ...columns]
    .flatMap(
      line =>
        line
          .map(isDark => (isDark ? '1' : '0'))
          .join('')
          .match(/0{5,}|1{5,}/g) ?? [],
    )
    .reduce((sum, run) => sum + run.length - 2, 0)
  let squares = 0
  let dark = 0
  for (const [y, row] of code.entries())
    for (const [x, isDark] of row.entries()) {
      if (isDark) dark += 1
      const below = code[y + 1]
      if (below !== undefined && row[x + 1] === isDark && below[x] === isDark && below[x + 1] === isDark) squares += 1
    }
  return runs + 3 * squares + 10 * Math.floor(Math.abs((20 * dark) / code.length ** 2 - 10))
}
