/** An IPv4 range: its first address as a number, and how many addresses it has. */
export interface AddressRange {
  readonly first: number
  readonly size: number
  readonly prefix: number
}

/** The number of a dotted address, or undefined where it is none. @example addressNumber('0.0.1.0') // 256 */
export const addressNumber = (text: string): number | undefined => {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every(part => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255))
    return undefined
  return parts.reduce((number, part) => number * 256 + Number(part), 0)
}

/** @example addressText(256) // '0.0.1.0' */
export const addressText = (number: number): string =>
  [24, 16, 8, 0].map(shift => Math.floor(number / 2 ** shift) % 256).join('.')

/** Reads `10.96.0.0/16`; undefined where it is no IPv4 range. Bits beyond the prefix are cleared. */
export const parseRange = (text: string): AddressRange | undefined => {
  const [address = '', bits = ''] = text.split('/')
  const number = addressNumber(address)
  if (number === undefined || !/^\d{1,2}$/.test(bits) || Number(bits) > 32) return undefined
  const prefix = Number(bits)
  const size = 2 ** (32 - prefix)
  return { first: Math.floor(number / size) * size, size, prefix }
}

export const isInRange = (address: number, range: AddressRange): boolean =>
  address >= range.first && address < range.first + range.size

export const rangesOverlap = (a: AddressRange, b: AddressRange): boolean =>
  a.first < b.first + b.size && b.first < a.first + a.size
