import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Debian's releases whose kubectl is tried: 1.32, and what is newest today. */
export const suites = ['trixie', 'sid'] as const
export type Suite = (typeof suites)[number]

export interface Kubectl {
  readonly path: string
  /** e.g. `v1.36.4` */
  readonly version: string
}

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'

const maxAgeMs = 7 * 86_400_000

/**
 * Debian's kubectl of a release, fetched as a package from the mirror that this machine already uses, and unpacked into
 * a cache folder of the user's (XDG). Nothing is installed and apt's own state is not touched.
 */
export const fetchKubectl = async (suite: Suite): Promise<Kubectl> => {
  const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'dunlin', 'kubectl', suite)
  const path = join(folder, 'unpacked', 'usr', 'bin', 'kubectl')
  if (!(await isFresh(path))) await fetch(suite, folder)
  const { stdout } = await run(path, ['version', '--client', '-o', 'json'])
  const found: { readonly clientVersion: { readonly gitVersion: string } } = JSON.parse(stdout)
  return { path, version: found.clientVersion.gitVersion }
}

const isFresh = async (path: string): Promise<boolean> => {
  try {
    return Date.now() - (await stat(path)).ctimeMs < maxAgeMs
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

const fetch = async (suite: Suite, folder: string): Promise<void> => {
  const apt = join(folder, 'apt')
  const fresh = join(folder, `new-${process.pid}`)
  await mkdir(join(apt, 'lists', 'partial'), { recursive: true })
  await mkdir(join(apt, 'cache', 'archives', 'partial'), { recursive: true })
  await mkdir(fresh, { recursive: true })
  await writeFile(join(apt, 'dunlin.sources'), await sourceOf(suite))
  const options = [
    `Dir::Etc::sourcelist=${join(apt, 'dunlin.sources')}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::lists=${join(apt, 'lists')}`,
    `Dir::Cache=${join(apt, 'cache')}`,
    'Acquire::Languages=none',
    'APT::Sandbox::User=',
  ].flatMap(option => ['-o', option])
  await run('apt-get', [...options, 'update'], { timeout: 300_000 })
  await run('apt-get', [...options, 'download', `kubectl/${suite}`], { cwd: fresh, timeout: 300_000 })
  const [archive] = (await readdir(fresh)).filter(name => name.endsWith('.deb'))
  if (archive === undefined) throw new Error(`apt-get downloaded no kubectl of ${suite}`)
  await run('dpkg-deb', ['-x', join(fresh, archive), fresh])
  await rm(join(fresh, archive))
  await rm(join(folder, 'unpacked'), { recursive: true, force: true })
  await rename(fresh, join(folder, 'unpacked'))
  await rm(join(apt, 'lists'), { recursive: true, force: true })
}

/** A source like the one by which this machine gets its own release, for another release. */
const sourceOf = async (suite: Suite): Promise<string> => {
  const release = /^VERSION_CODENAME=(.+)$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1] ?? ''
  const format = ['REPO_URI', 'RELEASE', 'COMPONENT'].map(name => `$(${name})`).join('|')
  const { stdout } = await run('apt-get', ['indextargets', '--format', format])
  const own = stdout
    .split('\n')
    .map(line => line.split('|'))
    .find(([, of, component]) => of === release && component === 'main')
  const [uri] = own ?? []
  if (uri === undefined) throw new Error(`this machine has no apt source for its own release ${release}`)
  const lines = ['Types: deb', `URIs: ${uri}`, `Suites: ${suite}`, 'Components: main']
  return [...lines, ...(existsSync(keyring) ? [`Signed-By: ${keyring}`] : []), ''].join('\n')
}
