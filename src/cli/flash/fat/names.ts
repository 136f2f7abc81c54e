import { Fault } from '../../../api/fault.ts'

/*
 * A name is one entry with a short name (8.3, upper case), and before it, last part first, entries with the long one:
 *   |3| .conf.. |2| d-first-bo |1| dunlin-agen |  DUNLIN~1.CON
 */

/** Bytes that a short name may hold besides letters and digits. */
const shortExtra = "!#$%&'()-@^_`{}~"
const isShortByte = (char: string): boolean => /[A-Z0-9]/.test(char) || shortExtra.includes(char)

/** Eleven characters, blanks where the name is shorter. */
export type ShortName = string

/** @throws Fault BadRequest for a name that FAT cannot hold */
export const checkName = (name: string): void => {
  const isControl = [...name].some(char => char.charCodeAt(0) < 32)
  if (name === '' || name.length > 255 || /["*/:<>?\\|]/.test(name) || isControl || /[. ]$/.test(name))
    throw new Fault('BadRequest', `"${name}" is no name for a file on a FAT partition; rename it`, { name })
}

/** The short name that says the same as the long one; undefined where there is none. */
export const exactShort = (name: string): ShortName | undefined => {
  const [base = '', extension = '', ...more] = name.split('.')
  if (base === '' || base.length > 8 || extension.length > 3 || more.length > 0 || name.endsWith('.')) return undefined
  if (![...base, ...extension].every(isShortByte)) return undefined
  return base.padEnd(8) + extension.padEnd(3)
}

/** A short name that no other file of the folder has: DUNLIN~1CON. */
export const freeShort = (name: string, taken: ReadonlySet<ShortName>): ShortName => {
  const dot = name.lastIndexOf('.')
  const clean = (text: string): string =>
    [...text.toUpperCase()]
      .filter(char => char !== ' ' && char !== '.')
      .map(char => (isShortByte(char) ? char : '_'))
      .join('')
  const base = clean(dot <= 0 ? name : name.slice(0, dot)) || '_'
  const extension = dot <= 0 ? '' : clean(name.slice(dot + 1)).slice(0, 3)
  for (let number = 1; number < 1_000_000; number += 1) {
    const tail = `~${number}`
    const short = `${base.slice(0, 8 - tail.length)}${tail}`.padEnd(8) + extension.padEnd(3)
    if (!taken.has(short)) return short
  }
  throw new Fault('Machine', `the folder holds too many names like "${name}"`)
}

/** What ties the parts of a long name to their short one. */
export const checksumOf = (short: ShortName): number => {
  let sum = 0
  for (let at = 0; at < 11; at += 1) sum = ((((sum & 1) << 7) | (sum >> 1)) + short.charCodeAt(at)) & 0xff
  return sum
}

/** Where the 13 characters of a part stand in its entry. */
const places = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30]

/** Entries of 32 bytes for the long name, in the order in which they lie before the short one. */
export const longEntries = (name: string, short: ShortName): readonly Buffer[] => {
  const units = Array.from({ length: name.length }, (_, at) => name.charCodeAt(at))
  const count = Math.ceil(units.length / 13)
  return Array.from({ length: count }, (_, index) => {
    const part = count - index
    const entry = Buffer.alloc(32)
    entry[0] = part | (index === 0 ? 0x40 : 0)
    entry[11] = 0x0f
    entry[13] = checksumOf(short)
    for (const [at, place] of places.entries()) {
      const position = (part - 1) * 13 + at
      entry.writeUInt16LE(units[position] ?? (position === units.length ? 0 : 0xffff), place)
    }
    return entry
  })
}

/** The 13 characters, or fewer, of one part of a long name. */
export const longPart = (entry: Uint8Array): string => {
  const view = new DataView(entry.buffer, entry.byteOffset, entry.byteLength)
  const units = places.map(place => view.getUint16(place, true))
  const end = units.indexOf(0)
  return String.fromCharCode(...(end < 0 ? units : units.slice(0, end)))
}

/** `README  TXT` as people write it; lower case where the entry's flags say so. */
export const shownShort = (short: ShortName, flags: number): string => {
  const base = short.slice(0, 8).trimEnd()
  const extension = short.slice(8).trimEnd()
  const shown = (flags & 0x08) === 0 ? base : base.toLowerCase()
  return extension === '' ? shown : `${shown}.${(flags & 0x10) === 0 ? extension : extension.toLowerCase()}`
}
