import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { diskParts, type Part } from '../../scripts/image/variant.ts'
import type { LoggedWrite } from './write-log.ts'

/** Carries logged writes over to a copy of the card as it was before it was booted. */
export const applyWrites = (of: {
  readonly card: string
  readonly log: string
  readonly writes: readonly LoggedWrite[]
  readonly indexes: readonly number[]
}): void => {
  const from = openSync(of.log, 'r')
  const to = openSync(of.card, 'r+')
  try {
    for (const index of of.indexes) {
      const write = of.writes[index]
      if (write === undefined || write.bytes === 0 || write.isDiscard) continue
      const bytes = Buffer.allocUnsafe(write.bytes)
      if (readSync(from, bytes, 0, write.bytes, write.from) !== write.bytes)
        throw new RangeError(`the log ends inside entry ${index}`)
      writeSync(to, bytes, 0, write.bytes, write.at)
    }
  } finally {
    closeSync(from)
    closeSync(to)
  }
}

export const copyCard = (from: string, to: string): void => {
  execFileSync('cp', ['--sparse=always', from, to])
}

/** A part of the card as a file of its own. `sizeBytes` for the last one, which has grown. */
export const extractPart = (card: string, name: Part['name'], to: string, sizeBytes?: number): void => {
  const part = diskParts().find(one => one.name === name)
  if (part === undefined) throw new RangeError(`there is no part ${name}`)
  const mebibyte = 1024 * 1024
  execFileSync('dd', [
    ...[`if=${card}`, `of=${to}`, 'bs=1M', 'conv=sparse', 'status=none'],
    `skip=${part.startBytes / mebibyte}`,
    `count=${Math.floor((sizeBytes ?? part.sizeBytes) / mebibyte)}`,
  ])
}

/**
 * Mends an ext4 as the next boot would, by its journal alone, and says what a full check then finds wrong: nothing, where
 * the journal did its work.
 */
export const checkExt4 = (path: string): string | undefined => {
  const replayed = spawnSync('e2fsck', ['-E', 'journal_only', '-p', path], { encoding: 'utf8' })
  if ((replayed.status ?? 8) > 1) return `its journal: ${replayed.stdout}${replayed.stderr}`
  const checked = spawnSync('e2fsck', ['-f', '-n', path], { encoding: 'utf8' })
  return checked.status === 0 ? undefined : `${checked.stdout}${checked.stderr}`.trim()
}

/** Copies a folder out of an ext4 that is not mounted, or a FAT. */
export const readFolder = (path: string, folder: string, to: string): void => {
  execFileSync('mkdir', ['-p', to])
  execFileSync('debugfs', ['-R', `rdump ${folder} ${to}`, path], { stdio: ['ignore', 'ignore', 'ignore'] })
}

/** The files of a folder of such a file system, without those of its folders. */
export const readFiles = (path: string, folder: string, to: string): void => {
  const listed = spawnSync('debugfs', ['-R', `ls -p ${folder}`, path], { encoding: 'utf8' }).stdout
  execFileSync('mkdir', ['-p', to])
  // /INODE/MODE/UID/GID/NAME/SIZE/
  for (const line of listed.split('\n')) {
    const [, , mode, , , name] = line.split('/')
    if (mode === undefined || !mode.startsWith('10') || name === undefined || !/^[A-Za-z0-9._-]+$/.test(name)) continue
    execFileSync('debugfs', ['-R', `dump ${folder}/${name} ${join(to, name)}`, path], { stdio: 'ignore' })
  }
}

/** A file of the FAT partition; undefined where there is none. */
export const readFat = (card: string, name: string): string | undefined => {
  const found = spawnSync('mtype', ['-i', `${card}@@1M`, `::/${name}`], { encoding: 'utf8' })
  return found.status === 0 ? found.stdout : undefined
}
