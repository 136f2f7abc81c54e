import { Fault } from '../../../api/fault.ts'
import type { Overlay } from '../overlay.ts'
import type { Geometry } from './boot-sector.ts'

/** Which clusters belong to which file: chains of clusters. */
export interface ClusterTable {
  /** The clusters of the chain that begins with `first`. @throws Fault Malformed for a chain that loops or leads nowhere */
  chain(first: number): readonly number[]
  /** Takes `count` free clusters as one chain, after `behind` where it is given. @throws Fault Machine when too few are free */
  take(count: number, behind?: number): readonly number[]
  free(chain: readonly number[]): void
  readonly freeCount: number
  /** Writes what changed: into both tables, and how much is free. */
  flush(): void
}

const infoSignature = 0x41615252

/** Opens the volume's table of clusters, and holds it in memory. */
export const openTable = (overlay: Overlay, base: number, geometry: Geometry): ClusterTable => {
  const { type, clusters, fatOffsets, infoOffset } = geometry
  const width = type === 'fat16' ? 2 : 4
  const mask = type === 'fat16' ? 0xffff : 0x0fffffff
  const end = type === 'fat16' ? 0xfff8 : 0x0ffffff8
  const bytes = Buffer.from(overlay.read(base + (fatOffsets[0] ?? 0), (clusters + 2) * width))
  const changed = new Set<number>()
  let freeCount = 0
  let from = 2

  const get = (cluster: number): number =>
    width === 2 ? bytes.readUInt16LE(cluster * 2) : bytes.readUInt32LE(cluster * 4) & mask
  const set = (cluster: number, next: number): void => {
    if (width === 2) bytes.writeUInt16LE(next, cluster * 2)
    // The upper four bits are not ours.
    else bytes.writeUInt32LE(((bytes.readUInt32LE(cluster * 4) & ~mask) | next) >>> 0, cluster * 4)
    changed.add(Math.floor((cluster * width) / 512))
  }
  for (let cluster = 2; cluster < clusters + 2; cluster += 1) if (get(cluster) === 0) freeCount += 1

  const chain = (first: number): readonly number[] => {
    const found: number[] = []
    for (let at = first; at < end; at = get(at)) {
      if (at < 2 || at >= clusters + 2 || found.length > clusters)
        throw new Fault(
          'Malformed',
          `the boot partition is damaged: a file leads to cluster ${at} of ${clusters}. Take a fresh image, or mend the card with fsck.fat`,
        )
      found.push(at)
    }
    return found
  }

  return {
    chain,
    take(count, behind) {
      if (count > freeCount)
        throw new Fault(
          'Machine',
          `the boot partition is full: ${count} more clusters of ${geometry.clusterSize} bytes are needed, and ${freeCount} are free. Leave out packages or images, or take an image with a larger boot partition`,
          { needed: count * geometry.clusterSize, free: freeCount * geometry.clusterSize },
        )
      const taken: number[] = []
      for (let at = from; taken.length < count; at += 1) {
        if (at >= clusters + 2) at = 2
        if (get(at) !== 0 || taken.at(-1) === at) continue
        const last = taken.at(-1) ?? behind
        if (last !== undefined) set(last, at)
        set(at, end | 7)
        taken.push(at)
        from = at + 1
      }
      freeCount -= count
      return taken
    },
    free(gone) {
      for (const cluster of gone) set(cluster, 0)
      freeCount += gone.length
      from = Math.min(from, ...gone.slice(0, 1))
    },
    get freeCount() {
      return freeCount
    },
    flush() {
      for (const block of [...changed].toSorted((a, b) => a - b))
        for (const offset of fatOffsets)
          overlay.write(base + offset + block * 512, bytes.subarray(block * 512, (block + 1) * 512))
      changed.clear()
      if (infoOffset === undefined) return
      const info = Buffer.from(overlay.read(base + infoOffset, 512))
      if (info.readUInt32LE(0) !== infoSignature) return
      info.writeUInt32LE(freeCount, 488)
      info.writeUInt32LE(from < clusters + 2 ? from : 2, 492)
      overlay.write(base + infoOffset, info)
    },
  }
}
