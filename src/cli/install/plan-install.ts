import { Fault } from '../../api/fault.ts'
import type { Board } from './board.ts'

/** How the agent comes to a board, and by which files. */
export interface InstallPlan {
  readonly way: 'packages' | 'archive'
  readonly architecture: string
  /** Names in the folder of packages. */
  readonly files: readonly string[]
  readonly withSudo: boolean
}

/** Debian's names of the machines that packages are made for. */
const byMachine: { readonly [machine: string]: { readonly wide: string; readonly narrow?: string } } = {
  x86_64: { wide: 'amd64' },
  aarch64: { wide: 'arm64', narrow: 'armhf' },
  armv7l: { wide: 'armhf' },
  armv8l: { wide: 'armhf' },
}
const architectures = ['amd64', 'arm64', 'armhf']

/** The first release of a distribution that has Podman 4.3. */
const firstRelease: { readonly [id: string]: number } = { debian: 12, raspbian: 12, ubuntu: 24.04 }

/**
 * Decides how a board gets the agent from a folder of packages.
 *
 * @param files names of the files in the folder
 * @param version of the packages to take, when the folder has several
 * @throws Fault Machine where the board cannot be a node, or the folder lacks what it needs; it says what to do
 * @example planInstall({ board, files: ['dunlin_0.1.0_arm64.deb', 'dunlin-agent_0.1.0_all.deb'], version: '0.1.0', archive: false })
 */
export const planInstall = (of: {
  readonly board: Board
  readonly files: readonly string[]
  readonly version: string
  /** The archive even where dpkg is. */
  readonly archive: boolean
}): InstallPlan => {
  const { board, version } = of
  const architecture = architectureOf(board)
  if (board.uid !== 0 && !board.hasSudo)
    throw new Fault(
      'Machine',
      `the board lets us in with user id ${board.uid}, which may not install, and it has no sudo: log in as root (dunlin install root@…), or install sudo there`,
      { uid: board.uid },
    )
  const way = board.dpkg === undefined || of.archive ? 'archive' : 'packages'
  if (way === 'packages') demandRelease(board)
  if (way === 'archive' && architecture === 'armhf')
    throw new Fault(
      'Machine',
      `for ${architecture} no Node is packed, and ${nameOf(board)} is not installed by packages: put Node 18.20 or later there and unpack dunlin_${version}_armhf.tar.gz by hand`,
    )
  const wanted =
    way === 'packages'
      ? [`dunlin_${version}_${architecture}.deb`, `dunlin-agent_${version}_all.deb`]
      : [`dunlin_${version}_${architecture}.tar.gz`]
  const missing = wanted.filter(name => !of.files.includes(name))
  if (missing.length > 0)
    throw new Fault(
      'Machine',
      `the folder of packages lacks ${missing.join(' and ')}, which ${nameOf(board)} on ${architecture} needs: make them (npm run packages -- --arch ${architecture}), or name another folder with --packages`,
      { missing },
    )
  return { way, architecture, files: wanted, withSudo: board.uid !== 0 }
}

const architectureOf = (board: Board): string => {
  const machine = byMachine[board.machine]
  // A kernel of 64 bits may carry a system of 32, as on many a Raspberry Pi: what counts is the system.
  const narrow = board.wordBits === 32 ? (machine?.narrow ?? machine?.wide) : machine?.wide
  const found = board.dpkg ?? narrow
  if (found !== undefined && architectures.includes(found)) return found
  throw new Fault(
    'Machine',
    `the board is a ${board.machine}${board.dpkg === undefined ? '' : ` whose packages are for ${board.dpkg}`}; there are agents for x86_64, aarch64 and armv7l (amd64, arm64, armhf)`,
    { machine: board.machine },
  )
}

const demandRelease = (board: Board): void => {
  const { id, version } = board.distribution
  const first = firstRelease[id]
  if (first === undefined || version === '' || Number(version) >= first) return
  throw new Fault(
    'Machine',
    `the board runs ${nameOf(board)}, whose Podman is older than 4.3: upgrade it to ${id} ${first} or later first`,
    { id, version },
  )
}

const nameOf = (board: Board): string => board.distribution.name || board.distribution.id || 'an unnamed system'
