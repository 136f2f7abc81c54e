/** An IPv4 range. `base` is the network address as a number, 0 to 2^32 - 1. */
export interface Cidr {
  readonly base: number
  readonly bits: number
}

/**
 * The number of a dotted IPv4 address, or undefined where the text is none (leading zeros are refused, as Kubernetes does).
 *
 * @example parseIp('10.64.0.1') // 171966465
 */
export const parseIp = (text: string): number | undefined => {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  let value = 0
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined
    value = value * 256 + Number(part)
  }
  return value
}

/** @example formatIp(171966465) // '10.64.0.1' */
export const formatIp = (value: number): string =>
  [24, 16, 8, 0].map(shift => Math.floor(value / 2 ** shift) % 256).join('.')

/** How many addresses the range has. */
export const sizeOf = (range: Cidr): number => 2 ** (32 - range.bits)

/**
 * A range from `address/bits`; host bits are cut off. Undefined where the text is none.
 *
 * @example parseCidr('10.64.0.130/25') // { base: 10.64.0.128 as number, bits: 25 }
 */
export const parseCidr = (text: string): Cidr | undefined => {
  const [address = '', bitsText = '', ...more] = text.split('/')
  const value = parseIp(address)
  if (value === undefined || more.length > 0 || !/^(\d|[12]\d|3[0-2])$/.test(bitsText)) return undefined
  const bits = Number(bitsText)
  const size = 2 ** (32 - bits)
  return { base: Math.floor(value / size) * size, bits }
}

/** @example formatCidr({ base: 171966464, bits: 25 }) // '10.64.0.0/25' */
export const formatCidr = (range: Cidr): string => `${formatIp(range.base)}/${range.bits}`

/** Whether the range holds the address. */
export const contains = (range: Cidr, address: number): boolean =>
  address >= range.base && address < range.base + sizeOf(range)

/** Whether two ranges share an address. */
export const overlaps = (a: Cidr, b: Cidr): boolean => a.base < b.base + sizeOf(b) && b.base < a.base + sizeOf(a)
