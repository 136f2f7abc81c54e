import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, realpathSync } from 'node:fs'
import { basename } from 'node:path'

/** A small disk of its own, so that what is written to it can be told from everything else on the machine. */
export interface Disk {
  readonly folder: string
  /** `major:minor`. */
  readonly device: string
  /** Bytes that the block device has taken, ever. What is still in memory is written first. */
  writtenBytes(): number
  /** Write operations that the block device has taken, ever. */
  writes(): number
  close(): void
}

/**
 * An ext4 file system in a file, mounted at `folder` as a device has it (`noatime`, a commit every five seconds).
 * Mount it inside a world of your own only.
 *
 * @example const disk = ownDisk('/tmp/world/nodes/a', 512); disk.writtenBytes()
 */
export const ownDisk = (folder: string, mebibytes: number): Disk => {
  const file = `${folder}.ext4`
  mkdirSync(folder, { recursive: true })
  execFileSync('truncate', ['-s', `${mebibytes}M`, file])
  // Not lazily: the kernel would go on writing tables for minutes.
  execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', '-E', 'lazy_itable_init=0,lazy_journal_init=0', file])
  execFileSync('mount', ['-o', 'loop,noatime,commit=5', file, folder])
  const device = basename(
    realpathSync(execFileSync('findmnt', ['-n', '-o', 'SOURCE', folder], { encoding: 'utf8' }).trim()),
  )
  const statistics = (): readonly number[] =>
    readFileSync(`/sys/block/${device}/stat`, 'utf8').trim().split(/\s+/).map(Number)
  return {
    folder,
    device: readFileSync(`/sys/block/${device}/dev`, 'utf8').trim(),
    writtenBytes() {
      execFileSync('sync', ['-f', folder])
      return (statistics()[6] ?? Number.NaN) * 512
    },
    writes: () => statistics()[4] ?? Number.NaN,
    close: () => execFileSync('umount', [folder]),
  }
}
