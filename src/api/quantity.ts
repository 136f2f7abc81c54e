import { Fault } from './fault.ts'

/**
 * A Kubernetes quantity as an exact whole number of nanos: what `resource.Quantity` counts in at its finest.
 * Finer input is rounded up (away from zero), as upstream does.
 */
export type Nanos = bigint

const perOne = 1_000_000_000n

/** A quantity is a short text; nothing longer is looked at. */
const maxLength = 64

const powerOf1024: { readonly [suffix: string]: bigint } = {
  Ki: 1n << 10n,
  Mi: 1n << 20n,
  Gi: 1n << 30n,
  Ti: 1n << 40n,
  Pi: 1n << 50n,
  Ei: 1n << 60n,
}

const powerOf10: { readonly [suffix: string]: number } = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
}

/**
 * Reads a quantity: `<sign><digits>[.<digits>]<suffix>`, suffix one of n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or e<exponent>.
 * k8s: apimachinery/pkg/api/resource, including the cap of long and of binary ones at 2^63-1 whole units.
 *
 * @throws Fault Malformed when the text is no quantity
 * @example parseQuantity('1500m') // 1_500_000_000n
 */
export const parseQuantity = (text: string | number): Nanos => {
  const nanos = tryParseQuantity(String(text))
  if (nanos === undefined) {
    throw new Fault(
      'Malformed',
      `${JSON.stringify(String(text).slice(0, maxLength))} is not a quantity: expected a number with an optional suffix, such as 500m, 1.5, 64Mi or 2G`,
    )
  }
  return nanos
}

/** As parseQuantity, but undefined where the text is no quantity. */
export const tryParseQuantity = (text: string): Nanos | undefined => {
  if (text.length > maxLength) return undefined
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,3}))?$/.exec(text)
  if (match === null) return undefined
  const [, sign = '', whole = '', fraction = '', suffix = '', exponent] = match
  if (whole === '' && fraction === '') return undefined
  const digits = BigInt(`${whole}${fraction}` || '0')
  const binary = powerOf1024[suffix]
  const shift = (exponent === undefined ? (powerOf10[suffix] ?? 0) : Number(exponent)) + 9 - fraction.length
  const scaled = binary === undefined ? shifted(digits, shift) : shifted(digits * binary, 9 - fraction.length)
  // k8s: what fits into 64 bits with a power of ten is not capped.
  const isCapped = scaled > maxNanos && (binary !== undefined || whole.length + fraction.length > 18)
  const capped = isCapped ? maxNanos : scaled
  return sign === '-' ? -capped : capped
}

/** 2^63-1 whole units: upstream's largest quantity. */
const maxNanos = ((1n << 63n) - 1n) * perOne

/** `digits` * 10^`shift`, rounded up. */
const shifted = (digits: bigint, shift: number): bigint => {
  if (digits === 0n) return 0n
  if (shift >= 0) return digits * 10n ** BigInt(Math.min(shift, 64))
  const by = 10n ** BigInt(Math.min(-shift, 256))
  return (digits + by - 1n) / by
}

/** -1, 0 or 1. @throws Fault Malformed */
export const compareQuantities = (a: string | number, b: string | number): -1 | 0 | 1 => {
  const [x, y] = [parseQuantity(a), parseQuantity(b)]
  return x < y ? -1 : x > y ? 1 : 0
}

/** The sum of two quantities, in the form of the first that is not zero. @throws Fault Malformed */
export const addQuantities = (a: string | number, b: string | number): string => {
  const first = parseQuantity(a)
  const sum = first + parseQuantity(b)
  return /[KMGTPE]i$/.test(String(first === 0n ? b : a)) ? formatMemory(sum) : formatDecimal(sum)
}

/** Whole thousandths, rounded up: what CPU is counted in. @example milliOf('0.1') // 100n */
export const milliOf = (quantity: string | number): bigint => roundedUp(parseQuantity(quantity), 1_000_000n)

/** Whole units, rounded up: bytes, pods, cores. @example unitsOf('1Ki') // 1024n */
export const unitsOf = (quantity: string | number): bigint => roundedUp(parseQuantity(quantity), perOne)

const roundedUp = (nanos: bigint, by: bigint): bigint =>
  nanos >= 0n ? (nanos + by - 1n) / by : -((-nanos + by - 1n) / by)

/**
 * The canonical form with decimal suffixes: the largest suffix that leaves no fraction.
 * @example formatDecimal(parseQuantity('1.5')) // '1500m'
 */
export const formatDecimal = (nanos: Nanos): string => {
  if (nanos === 0n) return '0'
  const suffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E']
  let value = nanos
  let at = 0
  while (at < suffixes.length - 1 && value % 1000n === 0n) {
    value /= 1000n
    at += 1
  }
  return `${value}${suffixes[at]}`
}

/**
 * CPU as Kubernetes writes it: whole cores, or thousandths.
 * @example formatCpu(parseQuantity('0.25')) // '250m'
 */
export const formatCpu = (nanos: Nanos): string =>
  nanos % perOne === 0n
    ? `${nanos / perOne}`
    : nanos % 1_000_000n === 0n
      ? `${nanos / 1_000_000n}m`
      : formatDecimal(nanos)

/**
 * Memory with binary suffixes: the largest that leaves no fraction; bytes where none does.
 * @example formatMemory(parseQuantity('65536Ki')) // '64Mi'
 */
export const formatMemory = (nanos: Nanos): string => {
  if (nanos === 0n) return '0'
  if (nanos % perOne !== 0n) return formatDecimal(nanos)
  let value = nanos / perOne
  // k8s: a binary quantity below 1024 is written with decimal suffixes.
  if (value > -1024n && value < 1024n) return formatDecimal(nanos)
  const suffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']
  let at = 0
  while (at < suffixes.length - 1 && value % 1024n === 0n) {
    value /= 1024n
    at += 1
  }
  return `${value}${suffixes[at]}`
}

/**
 * The canonical text of a quantity, as the API stores it: `0.5` is `500m`, `1024Mi` is `1Gi`, `1e3` stays in exponents.
 * @throws Fault Malformed
 */
export const canonicalQuantity = (text: string | number): string => {
  const source = String(text)
  const nanos = parseQuantity(source)
  if (/[KMGTPE]i$/.test(source)) return formatMemory(nanos)
  if (!/[eE][+-]?\d+$/.test(source)) return formatDecimal(nanos)
  const decimal = formatDecimal(nanos)
  const suffix = /[a-zA-Z]$/.exec(decimal)?.[0] ?? ''
  const exponent = powerOf10[suffix] ?? 0
  return exponent === 0 ? decimal : `${decimal.slice(0, -1)}e${exponent}`
}
