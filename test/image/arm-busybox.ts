import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { readAptSource, sourceLines } from '../../scripts/image/apt-source.ts'
import { components, suite } from '../../scripts/image/variant.ts'

/**
 * Debian's static busybox for arm64, unpacked into the user's cache: images are made of it, nothing is run. Fetched once.
 *
 * @throws Error with what mmdebstrap says
 */
export const armBusybox = (): string => {
  const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'dunlin', 'busybox-arm64')
  const program = join(folder, 'bin/busybox')
  if (existsSync(program)) return program
  mkdirSync(join(folder, '..'), { recursive: true })
  const work = mkdtempSync(join(folder, '..', 'busybox-'))
  try {
    const source = readAptSource()
    execFileSync('mmdebstrap', [
      ...['--mode=root', '--variant=extract', '--architectures=arm64', '--include=busybox-static', '--skip=check/qemu'],
      ...['--aptopt=Acquire::Retries "5"', ...source.options.map(line => `--aptopt=${line}`)],
      ...[suite, join(work, 'tree.tar'), ...sourceLines({ source, suite, components: components.slice(0, 1) })],
    ])
    execFileSync('tar', ['-xf', join(work, 'tree.tar'), '-C', work, '--exclude=./dev/*'])
    mkdirSync(join(work, 'found/bin'), { recursive: true })
    renameSync(join(work, 'usr/bin/busybox'), join(work, 'found/bin/busybox'))
    rmSync(folder, { recursive: true, force: true })
    renameSync(join(work, 'found'), folder)
    return program
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
