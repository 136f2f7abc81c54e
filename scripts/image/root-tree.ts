import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, globSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Fault } from '../../src/api/fault.ts'
import { placeFile } from './place-file.ts'
import { removed, systemFiles, systemLinks } from './system-files.ts'
import { type Variant, variants } from './variant.ts'

/**
 * Lays out the image's root in the folder `tree`: Debian's, our packages, the appliance's own files.
 *
 * @param packages paths of our Debian packages, dunlin before dunlin-agent
 * @throws Error with what tar or dpkg says
 */
export const layOutRoot = (of: {
  readonly archive: string
  readonly tree: string
  readonly packages: readonly string[]
  readonly variant: Variant
  /** The image's own. */
  readonly uuid: string
}): void => {
  const { tree, variant } = of
  mkdirSync(tree, { recursive: true })
  execFileSync('tar', ['-xf', of.archive, '-C', tree, '--numeric-owner'])
  const unwanted = variants.filter(one => one !== variant).flatMap(one => one.packages)
  dpkg(tree, ['--purge', ...unwanted])
  for (const path of of.packages) cpSync(path, join(tree, 'var/tmp', basename(path)))
  dpkg(tree, ['--install', ...of.packages.map(path => `/var/tmp/${basename(path)}`)])
  for (const path of of.packages) rmSync(join(tree, 'var/tmp', basename(path)))
  for (const pattern of removed)
    for (const path of globSync(pattern, { cwd: tree })) rmSync(join(tree, path), { recursive: true, force: true })
  for (const file of systemFiles(variant, of.uuid)) placeFile(tree, file)
  for (const [path, target] of Object.entries(systemLinks)) {
    rmSync(join(tree, path), { force: true })
    mkdirSync(dirname(join(tree, path)), { recursive: true })
    symlinkSync(target, join(tree, path))
  }
}

/** dpkg inside the root: the scripts of packages are programs of arm64. */
const dpkg = (tree: string, words: readonly string[]): void => {
  try {
    execFileSync('chroot', [tree, 'dpkg', ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', DEBIAN_FRONTEND: 'noninteractive', DPKG_FORCE: 'confold' },
    })
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : ''
    throw new Fault('Internal', `dpkg ${words.join(' ')} failed in the image's root:\n${said}`, { tree }, error)
  }
}

/** The release of the newest kernel in the root, as in /boot/vmlinuz-RELEASE. @throws Fault Internal without one */
export const kernelRelease = (tree: string): string => {
  const releases = readdirSync(join(tree, 'boot'))
    .filter(name => name.startsWith('vmlinuz-'))
    .map(name => name.slice('vmlinuz-'.length))
    .filter(release => existsSync(join(tree, 'boot', `initrd.img-${release}`)))
    .toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  const newest = releases.at(-1)
  if (newest === undefined) throw new Fault('Internal', 'the root has no kernel with its initramfs', { tree })
  return newest
}
