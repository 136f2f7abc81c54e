import { Fault } from '../../api/fault.ts'
import type { Source } from './overlay.ts'

/** A partition of an image. Offsets and lengths are bytes. */
export interface Partition {
  readonly number: number
  readonly offset: number
  readonly length: number
  /** `fat`: one that may hold FAT by its type; `efi`: a system partition of UEFI, which is FAT too. */
  readonly type: 'fat' | 'efi' | 'linux' | 'other'
}

const sector = 512
const mostEntries = 128

/**
 * The partitions that the image's table (MBR or GPT) names, in its order. What lies beyond the end of the image is left out.
 *
 * @throws Fault Malformed when it holds no table: it is no image of a disk
 * @example readPartitions(image).find(one => one.type === 'fat')
 */
export const readPartitions = (image: Source): readonly Partition[] => {
  if (image.length < 2 * sector) throw notAnImage(`it has ${image.length} bytes`)
  const first = viewOf(image.read(0, sector))
  if (first.getUint16(510, true) !== 0xaa55)
    throw notAnImage('its first sector does not end with the mark of a partition table (55 aa)')
  const entries = [0, 1, 2, 3].map(at => 446 + 16 * at)
  if (entries.some(at => first.getUint8(at + 4) === 0xee)) return readGpt(image)
  const found = entries.flatMap((at, index): readonly Partition[] => {
    const type = first.getUint8(at + 4)
    const offset = first.getUint32(at + 8, true) * sector
    const length = first.getUint32(at + 12, true) * sector
    return type === 0 || length === 0 || offset === 0
      ? []
      : [{ number: index + 1, offset, length, type: mbrTypes[type] ?? 'other' }]
  })
  const within = found.filter(one => one.offset + one.length <= image.length)
  if (found.length === 0) throw notAnImage('its partition table is empty')
  if (within.length === 0)
    throw notAnImage(
      `its first partition ends at byte ${(found[0]?.offset ?? 0) + (found[0]?.length ?? 0)}, and the file has ${image.length}: it was cut off`,
    )
  return within
}

const mbrTypes: { readonly [type: number]: Partition['type'] } = {
  4: 'fat',
  6: 'fat',
  11: 'fat',
  12: 'fat',
  14: 'fat',
  131: 'linux',
  239: 'efi',
}

/** GUIDs as they lie on the disk, hex. */
const gptTypes: { readonly [guid: string]: Partition['type'] } = {
  '28732ac11ff8d211ba4b00a0c93ec93b': 'efi',
  // "Basic data", which Windows and the Pi's tools give to FAT.
  a2a0d0ebe5b9334487c068b6b72699c7: 'fat',
  af3dc60f838472478e793d69d8477de4: 'linux',
}

const readGpt = (image: Source): readonly Partition[] => {
  const header = Buffer.from(image.read(sector, sector))
  if (header.toString('latin1', 0, 8) !== 'EFI PART')
    throw notAnImage('its partition table promises a GPT, and there is none')
  const start = Number(header.readBigUInt64LE(72)) * sector
  const count = Math.min(header.readUInt32LE(80), mostEntries)
  const size = header.readUInt32LE(84)
  if (size < 128 || size > 4096 || start + count * size > image.length)
    throw notAnImage(`its GPT has entries of ${size} bytes at ${start}`)
  return Array.from({ length: count }, (_, index) => ({
    index,
    entry: Buffer.from(image.read(start + index * size, size)),
  })).flatMap(({ index, entry }): readonly Partition[] => {
    const guid = entry.toString('hex', 0, 16)
    const offset = Number(entry.readBigUInt64LE(32)) * sector
    const length = (Number(entry.readBigUInt64LE(40)) + 1) * sector - offset
    if (/^0+$/.test(guid) || length <= 0 || offset + length > image.length) return []
    return [{ number: index + 1, offset, length, type: gptTypes[guid] ?? 'other' }]
  })
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const notAnImage = (why: string): Fault =>
  new Fault(
    'Malformed',
    `this is no image of a card: ${why}. Give the .img that the system's makers publish, or it compressed (.xz, .gz, .zst)`,
  )
