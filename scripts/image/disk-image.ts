import { execFileSync } from 'node:child_process'
import { closeSync, openSync, readdirSync, rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { diskBytes, diskParts, fileSystemLabels, type Part, partitionScript, type Variant } from './variant.ts'

/**
 * Makes the disk image `target` out of folders, without a mount or a loop device: file systems are filled as files, then
 * copied to their places. Sparse: what no file uses takes no room.
 *
 * @param seconds since 1970, of what the tools would give the time of day
 * @throws Error with what a tool says
 */
export const makeDiskImage = (of: {
  readonly target: string
  readonly work: string
  readonly folders: { readonly [name in Part['name']]: string }
  readonly variant: Variant
  readonly uuid: string
  readonly seconds: number
}): void => {
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(of.seconds), E2FSPROGS_FAKE_TIME: String(of.seconds) }
  const run = (program: string, words: readonly string[], input?: string): void => {
    execFileSync(program, words, { stdio: [input === undefined ? 'ignore' : 'pipe', 'ignore', 'pipe'], env, input })
  }
  emptyFile(of.target, diskBytes)
  run('sfdisk', ['--quiet', of.target], partitionScript({ table: of.variant.table, uuid: of.uuid }))
  for (const [at, part] of diskParts().entries()) {
    const file = join(of.work, `${part.name}.part`)
    emptyFile(file, part.sizeBytes)
    const folder = of.folders[part.name]
    const label = fileSystemLabels[part.name]
    if (part.name === 'firmware') {
      run('mkfs.vfat', ['-F', '32', '-n', label, '-i', of.uuid.slice(0, 8), '--invariant', file])
      const names = readdirSync(folder)
        .toSorted()
        .map(name => join(folder, name))
      run('mcopy', ['-s', '-m', '-i', file, ...names, '::/'])
    } else {
      const id = `${of.uuid.slice(0, -1)}${at + 1}`
      const words = [
        '-q',
        '-t',
        'ext4',
        '-b',
        '4096',
        '-i',
        '16384',
        '-L',
        label,
        '-U',
        id,
        '-E',
        `hash_seed=${id}`,
        '-m',
        '1',
      ]
      // The journal is as long as on a large disk, because the partition grows.
      run('mke2fs', [...words, '-J', 'size=16', '-d', folder, file])
    }
    run('dd', [
      ...[`if=${file}`, `of=${of.target}`, 'bs=1M', 'conv=notrunc,sparse', 'status=none'],
      `seek=${part.startBytes / (1024 * 1024)}`,
    ])
    rmSync(file)
  }
}

const emptyFile = (path: string, bytes: number): void => {
  rmSync(path, { force: true })
  closeSync(openSync(path, 'wx'))
  truncateSync(path, bytes)
}
