import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { version } from '../../src/lib/version.ts'
import type { AptSource } from './apt-source.ts'
import { withArmPrograms } from './arm-programs.ts'
import { makeDiskImage } from './disk-image.ts'
import { layOutFirmware } from './firmware-part.ts'
import { rootArchive } from './root-archive.ts'
import { layOutRoot } from './root-tree.ts'
import type { Variant } from './variant.ts'

/*
 *   Debian's packages ──mmdebstrap──> root archive (cached) ──> root tree <── our .deb, the appliance's files
 *                                                                  │
 *                                      FAT, ext4, ext4 as files ───┴──> one disk image, and its checksum
 */

/** Builds the image of one variant in the folder `target`. Resolves to its path. */
export const buildImage = async (of: {
  readonly variant: Variant
  /** Our packages, dunlin before dunlin-agent. */
  readonly packages: readonly string[]
  readonly target: string
  readonly source: AptSource
  /** Since 1970: of every file that is newer. The same commit makes the same image. */
  readonly seconds: number
  /** Whether Debian's packages are fetched anew. */
  readonly fresh: boolean
  readonly say: (text: string) => void
}): Promise<string> => {
  const { variant, say } = of
  const archive = await rootArchive(of)
  mkdirSync(of.target, { recursive: true })
  const work = mkdtempSync(join(of.target, '.work-'))
  const uuid = uuidOf(`${variant.name} ${of.seconds}`)
  const image = join(of.target, `dunlin_${version}_${variant.name}_arm64.img`)
  try {
    const tree = join(work, 'root')
    const firmware = join(work, 'firmware')
    say('laying out the root')
    await withArmPrograms(async () => layOutRoot({ archive, tree, packages: of.packages, variant, uuid }))
    layOutFirmware({ tree, target: firmware, variant })
    execFileSync('rm', ['-rf', join(tree, 'boot/firmware')])
    for (const folder of ['boot/firmware', 'var/lib/dunlin', '../data'])
      mkdirSync(join(tree, folder), { recursive: true })
    for (const folder of ['root', 'firmware', 'data']) settleTimes(join(work, folder), of.seconds)
    say('filling the file systems')
    const unfinished = `${image}.tmp`
    makeDiskImage({
      target: unfinished,
      work,
      folders: { firmware, root: tree, data: join(work, 'data') },
      variant,
      uuid,
      seconds: of.seconds,
    })
    renameSync(unfinished, image)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  say('reading it for its checksum')
  await writeFile(`${image}.sha256`, `${await sha256(image)}  ${basename(image)}\n`)
  const { size, blocks } = statSync(image)
  say(`${image}: ${Math.round(size / 1e6)} MB, of which ${Math.round((blocks * 512) / 1e6)} are used`)
  return image
}

/** Compresses the image for a download, with its checksum beside it. Resolves to the path. */
export const compressImage = async (image: string, say: (text: string) => void): Promise<string> => {
  const target = `${image}.zst`
  say('compressing')
  execFileSync('nice', ['-n', '10', 'zstd', '-9', '-T0', '--quiet', '--force', image, '-o', target])
  await writeFile(`${target}.sha256`, `${await sha256(target)}  ${basename(target)}\n`)
  say(`${target}: ${Math.round(statSync(target).size / 1e6)} MB`)
  return target
}

/** An id that the same words always give, in the form of a random UUID; its last digit counts the partitions. */
const uuidOf = (words: string): string => {
  const hex = createHash('sha256').update(`dunlin image ${words}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** What is newer than the commit was made by this build. */
const settleTimes = (folder: string, seconds: number): void => {
  execFileSync('find', [
    ...[folder, '-newermt', `@${seconds}`],
    ...['-exec', 'touch', '--no-dereference', '--date', `@${seconds}`, '{}', '+'],
  ])
}

const sha256 = async (path: string): Promise<string> => {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 4 * 1024 * 1024 })) hash.update(chunk)
  return hash.digest('hex')
}
