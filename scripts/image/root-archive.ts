import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Fault } from '../../src/api/fault.ts'
import { type AptSource, sourceLines } from './apt-source.ts'
import { withArmPrograms } from './arm-programs.ts'
import { initramfsFiles } from './initramfs.ts'
import { placeFile, type SystemFile } from './place-file.ts'
import { components, fileSystemLabels, rootPackages, suite } from './variant.ts'

/** What no device reads. */
const excluded = ['/usr/share/man/*', '/usr/share/locale/*', '/usr/share/info/*', '/usr/share/doc/*']

/** There before the first initramfs is made. With this fstab it brings what checks the root; the image has a longer one. */
const earlyFiles: readonly SystemFile[] = [
  { path: '/etc/fstab', text: `LABEL=${fileSystemLabels.root} / ext4 noatime,errors=remount-ro 0 1\n` },
  ...initramfsFiles,
]

/**
 * A Debian root for arm64 as a tar archive, made by mmdebstrap: a quarter of an hour, most of it packages' scripts under
 * emulation. Kept in the user's cache and made again when the list of packages changes, or with `fresh`.
 *
 * @throws Fault Machine with mmdebstrap's exit code; its own messages are on the terminal
 */
export const rootArchive = async (of: {
  readonly source: AptSource
  readonly fresh: boolean
  readonly say: (text: string) => void
}): Promise<string> => {
  const key = createHash('sha256')
    .update(JSON.stringify([suite, components, rootPackages, excluded, earlyFiles]))
    .digest('hex')
    .slice(0, 16)
  const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'dunlin', 'image')
  const target = join(folder, `root-arm64-${suite}-${key}.tar`)
  if (existsSync(target) && !of.fresh) {
    of.say(`the root of ${rootPackages.length} packages is in the cache: ${target}`)
    return target
  }
  mkdirSync(folder, { recursive: true })
  const unfinished = `${target}.tmp`
  of.say('building the root from Debian’s packages: a quarter of an hour, once …')
  try {
    await withArmPrograms(() => runMmdebstrap(of.source, unfinished))
    renameSync(unfinished, target)
  } finally {
    rmSync(unfinished, { force: true })
  }
  return target
}

const runMmdebstrap = async (source: AptSource, target: string): Promise<void> => {
  const early = mkdtempSync(join(tmpdir(), 'dunlin-root-'))
  for (const file of earlyFiles) placeFile(early, file)
  const words = [
    ...['--mode=root', '--variant=apt', '--architectures=arm64', '--format=tar'],
    // arch-test asks a program that is not there in every container; the registration was just made.
    '--skip=check/qemu',
    `--components=${components.join(' ')}`,
    `--include=${rootPackages.join(',')}`,
    // A mirror that is being written to answers wrong for a while.
    '--aptopt=Acquire::Retries "5"',
    ...source.options.map(line => `--aptopt=${line}`),
    ...excluded.map(path => `--dpkgopt=path-exclude=${path}`),
    '--dpkgopt=path-include=/usr/share/doc/*/copyright',
    `--essential-hook=sync-in ${early} /`,
    ...[suite, target],
    ...sourceLines({ source, suite, components }),
  ]
  const code = await new Promise<number>((resolve, reject) => {
    const child = spawn('nice', ['-n', '10', 'mmdebstrap', ...words], { stdio: ['ignore', 'inherit', 'inherit'] })
    child.on('error', reject)
    child.on('exit', (ended, signal) => resolve(ended ?? (signal === null ? 1 : 128)))
  })
  rmSync(early, { recursive: true })
  if (code !== 0)
    throw new Fault(
      'Machine',
      `mmdebstrap ended with ${code}; its messages are above. Try again: mirrors fail for minutes`,
    )
}
