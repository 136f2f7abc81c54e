import { Fault } from '../../../api/fault.ts'
import { bytesSource, type Overlay, partOf, type Source } from '../overlay.ts'
import { type Geometry, readBootSector } from './boot-sector.ts'
import {
  dotEntries,
  dropEntries,
  type Entry,
  findEntry,
  newEntries,
  pointTo,
  readEntries,
  roomFor,
  setLabelEntry,
} from './folder.ts'
import { openTable } from './table.ts'

/*
 *   path ──> folder by folder from the root ──> entry ──> chain of clusters ──> bytes
 *   Everything is changed in the overlay; `flush` puts the table of clusters there too.
 */

/** A FAT16 or FAT32 file system. Paths are `folder/name`, upper and lower case the same. */
export interface FatVolume {
  readonly type: Geometry['type']
  readonly freeBytes: number
  /** Names of files, and of folders with a `/` behind. Undefined where there is no such folder. */
  list(path?: string): readonly string[] | undefined
  /** Undefined where there is no such file. @throws Fault Malformed where it is larger than `most` bytes */
  read(path: string, most?: number): Buffer | undefined
  /** Creates or replaces the file, and makes folders above it. @throws Fault Machine when it does not fit */
  write(path: string, content: Source | Uint8Array | string): void
  makeFolder(path: string): void
  /** Removes a file. False where there is none. */
  remove(path: string): boolean
  /** The name of the volume, at most 11 characters. */
  setLabel(label: string): void
  /** Puts into the overlay what was kept back. To be called once, when all is done. */
  flush(): void
}

const mostRead = 16 * 1024 * 1024
/** FAT lets a folder grow to 65536 entries. */
const mostFolder = 65_536 * 32

/**
 * Opens the volume that begins at byte `offset` of the overlay.
 *
 * @throws Fault Malformed where there is no FAT16 or FAT32
 * @example const fat = openFat({ overlay, offset: 4194304, length: 536870912, now: new Date() }); fat.write('ssh', ''); fat.flush()
 */
export const openFat = (of: {
  readonly overlay: Overlay
  readonly offset: number
  readonly length: number
  readonly now: Date
}): FatVolume => {
  const { overlay, offset, now } = of
  const geometry = readBootSector(overlay.read(offset, 512), of.length)
  const table = openTable(overlay, offset, geometry)
  const root = rootOf(geometry)
  const place = (cluster: number): number => offset + geometry.dataOffset + (cluster - 2) * geometry.clusterSize

  const readFolder = (folder: Place): Buffer => {
    if (folder.isFixed) return Buffer.from(overlay.read(offset + geometry.rootOffset, geometry.rootEntries * 32))
    const chain = table.chain(folder.cluster)
    if (chain.length * geometry.clusterSize > mostFolder)
      throw new Fault('Malformed', 'the boot partition is damaged: a folder is larger than FAT allows')
    return Buffer.concat(chain.map(cluster => overlay.read(place(cluster), geometry.clusterSize)))
  }
  const writeFolder = (folder: Place, bytes: Buffer): void => {
    if (folder.isFixed) {
      overlay.write(offset + geometry.rootOffset, bytes)
      return
    }
    for (const [index, cluster] of table.chain(folder.cluster).entries())
      overlay.write(place(cluster), bytes.subarray(index * geometry.clusterSize, (index + 1) * geometry.clusterSize))
  }
  const find = (path: string): Found | undefined => {
    const names = namesOf(path)
    let folder: Place = root
    for (const [index, name] of names.entries()) {
      const entry = findEntry(readEntries(readFolder(folder)), name)
      if (entry === undefined) return undefined
      if (index === names.length - 1) return { folder, entry }
      if (!entry.isFolder) return undefined
      folder = { cluster: entry.cluster, isFixed: false }
    }
    return undefined
  }
  const folderAt = (path: string): Place | undefined => {
    if (namesOf(path).length === 0) return root
    const found = find(path)
    return found?.entry.isFolder === true ? { cluster: found.entry.cluster, isFixed: false } : undefined
  }
  const add = (folder: Place, entry: { name: string; isFolder: boolean; cluster: number; size: number }): void => {
    let bytes = readFolder(folder)
    const fresh = newEntries(readEntries(bytes), { ...entry, now })
    let at = roomFor(bytes, fresh.length)
    if (at === undefined) {
      if (folder.isFixed || bytes.length + geometry.clusterSize > mostFolder)
        throw new Fault('Machine', `the folder on the boot partition is full: there is no room for "${entry.name}"`)
      const count = Math.ceil(fresh.length / geometry.clusterSize)
      table.take(count, table.chain(folder.cluster).at(-1))
      bytes = Buffer.concat([bytes, Buffer.alloc(count * geometry.clusterSize)])
      at = roomFor(bytes, fresh.length) ?? 0
    }
    fresh.copy(bytes, at)
    writeFolder(folder, bytes)
  }
  const makeFolder = (path: string): Place => {
    const there = folderAt(path)
    if (there !== undefined) return there
    if (find(path) !== undefined)
      throw new Fault('Conflict', `the boot partition holds a file "${path}" where a folder is to be`)
    const names = namesOf(path)
    const parent = makeFolder(names.slice(0, -1).join('/'))
    const [cluster = 0] = table.take(1)
    const bytes = Buffer.alloc(geometry.clusterSize)
    dotEntries(cluster, parent.cluster === root.cluster ? 0 : parent.cluster, now).copy(bytes)
    overlay.write(place(cluster), bytes)
    add(parent, { name: names.at(-1) ?? '', isFolder: true, cluster, size: 0 })
    return { cluster, isFixed: false }
  }
  const chainOf = (entry: Entry): readonly number[] => (entry.cluster === 0 ? [] : table.chain(entry.cluster))
  const store = (content: Source): number => {
    const clusters = content.length === 0 ? [] : table.take(Math.ceil(content.length / geometry.clusterSize))
    for (const run of runsOf(clusters)) {
      const from = run.index * geometry.clusterSize
      const length = Math.min(run.count * geometry.clusterSize, content.length - from)
      overlay.place(place(run.cluster), partOf(content, from, length))
    }
    return clusters[0] ?? 0
  }

  return {
    type: geometry.type,
    get freeBytes() {
      return table.freeCount * geometry.clusterSize
    },
    list(path = '') {
      const folder = folderAt(path)
      if (folder === undefined) return undefined
      return readEntries(readFolder(folder)).map(one => (one.isFolder ? `${one.name}/` : one.name))
    },
    read(path, most = mostRead) {
      const found = find(path)
      if (found === undefined || found.entry.isFolder) return undefined
      const { size } = found.entry
      if (size > most)
        throw new Fault('Malformed', `${path} on the boot partition has ${size} bytes; at most ${most} are read`)
      const chain = chainOf(found.entry)
      if (chain.length * geometry.clusterSize < size)
        throw new Fault('Malformed', `the boot partition is damaged: ${path} is shorter than it says`)
      return Buffer.concat(chain.map(cluster => overlay.read(place(cluster), geometry.clusterSize))).subarray(0, size)
    },
    write(path, given) {
      const content = sourceOf(given)
      if (content.length > 0xffff_ffff)
        throw new Fault('Machine', `${path} has ${content.length} bytes; FAT holds files below 4 GiB`)
      const names = namesOf(path)
      const folder = makeFolder(names.slice(0, -1).join('/'))
      const found = find(path)
      if (found?.entry.isFolder === true)
        throw new Fault('Conflict', `the boot partition holds a folder "${path}" where a file is to be`)
      if (found !== undefined) table.free(chainOf(found.entry))
      const cluster = store(content)
      if (found === undefined) {
        add(folder, { name: names.at(-1) ?? '', isFolder: false, cluster, size: content.length })
        return
      }
      const bytes = readFolder(folder)
      pointTo(bytes.subarray(found.entry.at, found.entry.at + 32), { cluster, size: content.length, now })
      writeFolder(folder, bytes)
    },
    makeFolder(path) {
      makeFolder(path)
    },
    remove(path) {
      const found = find(path)
      if (found === undefined || found.entry.isFolder) return false
      table.free(chainOf(found.entry))
      const bytes = readFolder(found.folder)
      dropEntries(bytes, found.entry)
      writeFolder(found.folder, bytes)
      return true
    },
    setLabel(label) {
      const bytes = readFolder(root)
      if (!setLabelEntry(bytes, label, now)) throw new Fault('Machine', 'the root folder of the boot partition is full')
      writeFolder(root, bytes)
      for (const at of geometry.labelOffsets) overlay.write(offset + at, Buffer.from(label.padEnd(11), 'latin1'))
    },
    flush: () => table.flush(),
  }
}

/** A folder: its first cluster, or FAT16's root of fixed size. */
interface Place {
  readonly cluster: number
  readonly isFixed: boolean
}

interface Found {
  readonly folder: Place
  readonly entry: Entry
}

const rootOf = (geometry: Geometry): Place => ({ cluster: geometry.rootCluster, isFixed: geometry.type === 'fat16' })

const namesOf = (path: string): readonly string[] => path.split('/').filter(name => name !== '')

const sourceOf = (content: Source | Uint8Array | string): Source =>
  typeof content === 'string' || content instanceof Uint8Array ? bytesSource(Buffer.from(content)) : content

/** Neighbouring clusters as one piece. */
const runsOf = (clusters: readonly number[]): readonly { cluster: number; index: number; count: number }[] => {
  const runs: { cluster: number; index: number; count: number }[] = []
  for (const [index, cluster] of clusters.entries()) {
    const last = runs.at(-1)
    if (last !== undefined && last.cluster + last.count === cluster) last.count += 1
    else runs.push({ cluster, index, count: 1 })
  }
  return runs
}
