import { Fault } from '../../../api/fault.ts'

/** Where the parts of a FAT volume lie. Offsets in bytes from its start. (FAT: General Overview of On-Disk Format, 1.03) */
export interface Geometry {
  readonly type: 'fat16' | 'fat32'
  readonly sectorSize: number
  readonly clusterSize: number
  readonly fatOffsets: readonly number[]
  readonly fatLength: number
  /** FAT16's root folder, of fixed size. */
  readonly rootOffset: number
  readonly rootEntries: number
  /** FAT32's root folder begins in this cluster. */
  readonly rootCluster: number
  /** Of cluster 2. */
  readonly dataOffset: number
  /** Clusters are numbered 2 to clusters + 1. */
  readonly clusters: number
  /** Where FAT32 keeps how much is free. */
  readonly infoOffset: number | undefined
  /** Where the volume's name stands in the boot sector, and in its copy. */
  readonly labelOffsets: readonly number[]
}

/** 64 MiB of table. No card's boot partition comes near. */
const mostClusters = 1 << 24

/**
 * Reads the first sector of a FAT16 or FAT32 volume of at most `length` bytes.
 *
 * @throws Fault Malformed that says what it is instead
 */
export const readBootSector = (bytes: Uint8Array, length: number): Geometry => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint16(510, true) !== 0xaa55) throw notFat('its first sector has no mark (55 aa)')
  const sectorSize = view.getUint16(11, true)
  const sectorsPerCluster = view.getUint8(13)
  const reserved = view.getUint16(14, true)
  const fats = view.getUint8(16)
  const rootEntries = view.getUint16(17, true)
  const sectors = view.getUint16(19, true) || view.getUint32(32, true)
  const fatSectors = view.getUint16(22, true) || view.getUint32(36, true)
  if (![512, 1024, 2048, 4096].includes(sectorSize)) throw notFat(`its sectors have ${sectorSize} bytes`)
  if (sectorsPerCluster === 0 || (sectorsPerCluster & (sectorsPerCluster - 1)) !== 0)
    throw notFat(`its clusters have ${sectorsPerCluster} sectors`)
  if (reserved === 0 || fats === 0 || fats > 2 || fatSectors === 0) throw notFat('it has no table of clusters')
  if (sectors * sectorSize > length)
    throw notFat(`it says that it has ${sectors * sectorSize} bytes, and its partition has ${length}`)
  const fatLength = fatSectors * sectorSize
  const rootOffset = (reserved + fats * fatSectors) * sectorSize
  const dataOffset = rootOffset + Math.ceil((rootEntries * 32) / sectorSize) * sectorSize
  const clusterSize = sectorSize * sectorsPerCluster
  const clusters = Math.floor((sectors * sectorSize - dataOffset) / clusterSize)
  // The count of clusters alone tells the types apart.
  if (clusters < 4085) throw notFat(`it is FAT12 (${clusters} clusters); FAT16 and FAT32 are written`)
  const type = clusters < 65525 ? 'fat16' : 'fat32'
  if (clusters > mostClusters || (clusters + 2) * (type === 'fat16' ? 2 : 4) > fatLength)
    throw notFat(`its table of clusters (${fatLength} bytes) does not fit its ${clusters} clusters`)
  const info = type === 'fat32' ? view.getUint16(48, true) : 0
  const backup = type === 'fat32' ? view.getUint16(50, true) : 0
  const label = type === 'fat32' ? 71 : 43
  return {
    type,
    sectorSize,
    clusterSize,
    fatOffsets: Array.from({ length: fats }, (_, at) => (reserved + at * fatSectors) * sectorSize),
    fatLength,
    rootOffset,
    rootEntries: type === 'fat32' ? 0 : rootEntries,
    rootCluster: type === 'fat32' ? view.getUint32(44, true) : 0,
    dataOffset,
    clusters,
    infoOffset: info === 0 || info >= reserved ? undefined : info * sectorSize,
    labelOffsets: [label, ...(backup === 0 || backup >= reserved ? [] : [backup * sectorSize + label])],
  }
}

const notFat = (why: string): Fault => new Fault('Malformed', `the boot partition holds no FAT16 or FAT32: ${why}`)
