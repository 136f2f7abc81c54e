import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { Fault } from '../../src/api/fault.ts'

/** A release of Debian on an architecture, e.g. bookworm, armhf. */
export interface Place {
  readonly release: string
  readonly architecture: string
}

/** What our packages ask Debian for: in the root before, so that dpkg needs no network. */
const wanted = [
  'podman',
  'crun',
  'nftables',
  'iproute2',
  'conntrack',
  'catatonit',
  'ca-certificates',
  'adduser',
  'libstdc++6',
]

/**
 * The folder of a Debian that was installed by its own packages. Made once, and never changed afterwards: who uses it lays
 * something over it. Minutes for this machine's architecture, half an hour for another under qemu.
 *
 * @throws Fault Machine when it cannot be made
 * @example debianRoot({ release: 'bookworm', architecture: 'armhf' })
 */
export const debianRoot = ({ release, architecture }: Place): string => {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'dunlin', 'roots')
  const root = join(cache, `${release}-${architecture}`)
  if (existsSync(root)) return root
  mkdirSync(cache, { recursive: true })
  const packages = [...wanted, ...(architecture === 'armhf' ? ['nodejs'] : [])]
  const left = ['doc', 'man', 'locale'].map(one => `--dpkgopt=path-exclude=/usr/share/${one}/*`)
  const unfinished = `${root}.new`
  rmSync(unfinished, { recursive: true, force: true })
  try {
    execFileSync(
      'mmdebstrap',
      [
        ...['--mode=root', '--variant=minbase', `--architectures=${architecture}`, '--skip=check/qemu'],
        ...[`--include=${packages.join(',')}`, ...left, '--aptopt=Acquire::Languages "none"'],
        ...[release, unfinished],
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    )
  } catch (error) {
    throw new Fault(
      'Machine',
      `Debian ${release} for ${architecture} could not be made: check the network (mmdebstrap's words are above)`,
      { release, architecture },
      error,
    )
  }
  renameSync(unfinished, root)
  return root
}

const binfmt = '/proc/sys/fs/binfmt_misc'
const interpreters: { readonly [architecture: string]: string } = { arm64: 'qemu-aarch64', armhf: 'qemu-arm' }

/**
 * Lets this kernel run programs of another architecture by qemu's user mode, also within a root that lacks it. Returns how
 * to take back what was not there before.
 *
 * @throws Fault Machine where the kernel does not take it
 */
export const letRun = (architecture: string): (() => void) => {
  const name = interpreters[architecture]
  if (name === undefined || existsSync(join(binfmt, name))) return () => {}
  const undo: (() => void)[] = []
  try {
    if (!existsSync(join(binfmt, 'register'))) {
      execFileSync('mount', ['-t', 'binfmt_misc', 'none', binfmt])
      undo.unshift(() => execFileSync('umount', [binfmt]))
    }
    const line = execFileSync('cat', [`/usr/lib/binfmt.d/${name}.conf`], { encoding: 'latin1' }).trim()
    // F: the interpreter is opened now, so a root need not have it. O, C, P: as the binary's own file, rights and name.
    writeFileSync(join(binfmt, 'register'), line.replace(/:[^:]*$/, ':OCPF'), 'latin1')
    undo.unshift(() => writeFileSync(join(binfmt, name), '-1'))
  } catch (error) {
    for (const one of undo) one()
    throw new Fault('Machine', `this kernel does not take ${name} for programs of ${architecture}`, {}, error)
  }
  return () => {
    for (const one of undo) one()
  }
}
