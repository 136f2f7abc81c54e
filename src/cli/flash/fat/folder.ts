import {
  checkName,
  checksumOf,
  exactShort,
  freeShort,
  longEntries,
  longPart,
  type ShortName,
  shownShort,
} from './names.ts'

/** A file or folder as its entry in a folder says. */
export interface Entry {
  readonly name: string
  readonly short: ShortName
  readonly isFolder: boolean
  /** 0 for an empty file. */
  readonly cluster: number
  readonly size: number
  /** Where its entries lie in the folder's bytes: the first of the long name, and the short one. */
  readonly from: number
  readonly at: number
}

const entrySize = 32
const volumeLabel = 0x08
const folderFlag = 0x10
const longName = 0x0f
const deleted = 0xe5

/** The files and folders in a folder's bytes, without `.`, `..` and the volume's name. */
export const readEntries = (bytes: Buffer): readonly Entry[] => {
  const entries: Entry[] = []
  let parts: string[] = []
  let from = 0
  let sum = -1
  for (let at = 0; at + entrySize <= bytes.length; at += entrySize) {
    const entry = bytes.subarray(at, at + entrySize)
    const [first = 0] = entry
    if (first === 0) break
    const flags = entry[11] ?? 0
    if (first !== deleted && (flags & 0x3f) === longName) {
      if ((first & 0x40) !== 0) {
        parts = []
        from = at
        sum = entry[13] ?? 0
      }
      parts.unshift(longPart(entry))
      continue
    }
    const short = entry.toString('latin1', 0, 11)
    if (first !== deleted && (flags & volumeLabel) === 0 && !short.startsWith('.')) {
      // A long name that an old system left behind belongs to nobody.
      const isOurs = parts.length > 0 && sum === checksumOf(short)
      entries.push({
        name: isOurs ? parts.join('') : shownShort(short, entry[12] ?? 0),
        short,
        isFolder: (flags & folderFlag) !== 0,
        cluster: (entry.readUInt16LE(20) << 16) | entry.readUInt16LE(26),
        size: entry.readUInt32LE(28),
        from: isOurs ? from : at,
        at,
      })
    }
    parts = []
  }
  return entries
}

/** FAT does not tell upper from lower case. */
export const findEntry = (entries: readonly Entry[], name: string): Entry | undefined =>
  entries.find(one => one.name.toLowerCase() === name.toLowerCase()) ??
  entries.find(one => shownShort(one.short, 0) === name.toUpperCase())

/** @returns the entries' bytes for a new name: those of the long one, and the short one with what it leads to */
export const newEntries = (
  entries: readonly Entry[],
  of: {
    readonly name: string
    readonly isFolder: boolean
    readonly cluster: number
    readonly size: number
    readonly now: Date
  },
): Buffer => {
  checkName(of.name)
  const exact = exactShort(of.name)
  const short = exact ?? freeShort(of.name, new Set(entries.map(one => one.short)))
  const last = Buffer.concat([Buffer.from(short, 'latin1'), Buffer.alloc(entrySize - 11)])
  last[11] = of.isFolder ? folderFlag : 0x20
  pointTo(last, of)
  const { date, time } = fatTime(of.now)
  last.writeUInt16LE(time, 14)
  last.writeUInt16LE(date, 16)
  return Buffer.concat([...(exact === undefined ? longEntries(of.name, short) : []), last])
}

/** Sets in a short entry where its content lies and when it was changed. */
export const pointTo = (
  entry: Buffer,
  of: { readonly cluster: number; readonly size: number; readonly now: Date },
): void => {
  const { date, time } = fatTime(of.now)
  entry.writeUInt16LE(date, 18)
  entry.writeUInt16LE(of.cluster >>> 16, 20)
  entry.writeUInt16LE(time, 22)
  entry.writeUInt16LE(date, 24)
  entry.writeUInt16LE(of.cluster & 0xffff, 26)
  entry.writeUInt32LE(of.size, 28)
}

/** The first place with room for `length` bytes of entries; undefined where the folder must grow. */
export const roomFor = (bytes: Buffer, length: number): number | undefined => {
  let start = 0
  for (let at = 0; at + entrySize <= bytes.length; at += entrySize) {
    const first = bytes[at] ?? 0
    if (first === 0) return start + length <= bytes.length ? start : undefined
    if (first !== deleted) start = at + entrySize
    else if (at + entrySize - start >= length) return start
  }
  return undefined
}

/** Marks entries as deleted. */
export const dropEntries = (bytes: Buffer, entry: Entry): void => {
  for (let at = entry.from; at <= entry.at; at += entrySize) bytes[at] = deleted
}

/** The first two entries of a folder. `parent` is 0 where that is the root. */
export const dotEntries = (own: number, parent: number, now: Date): Buffer =>
  Buffer.concat(
    [
      ['.', own],
      ['..', parent],
    ].map(([name, cluster]) => {
      const entry = Buffer.alloc(entrySize)
      entry.write(String(name).padEnd(11), 'latin1')
      entry[11] = folderFlag
      pointTo(entry, { cluster: Number(cluster), size: 0, now })
      return entry
    }),
  )

/** Sets the volume's name in the root folder's bytes, where there is an entry for it or a free one. */
export const setLabelEntry = (bytes: Buffer, label: string, now: Date): boolean => {
  const found = labelAt(bytes) ?? roomFor(bytes, entrySize)
  if (found === undefined) return false
  const entry = Buffer.alloc(entrySize)
  entry.write(label.padEnd(11), 'latin1')
  entry[11] = volumeLabel
  pointTo(entry, { cluster: 0, size: 0, now })
  entry.copy(bytes, found)
  return true
}

const labelAt = (bytes: Buffer): number | undefined => {
  for (let at = 0; at + entrySize <= bytes.length && bytes[at] !== 0; at += entrySize)
    if (bytes[at] !== deleted && ((bytes[at + 11] ?? 0) & 0x3f) === volumeLabel) return at
  return undefined
}

/** Local time in steps of two seconds since 1980, as FAT has it; we take UTC. */
const fatTime = (now: Date): { readonly date: number; readonly time: number } => ({
  date: (Math.max(0, now.getUTCFullYear() - 1980) << 9) | ((now.getUTCMonth() + 1) << 5) | now.getUTCDate(),
  time: (now.getUTCHours() << 11) | (now.getUTCMinutes() << 5) | (now.getUTCSeconds() >> 1),
})
