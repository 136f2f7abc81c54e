import { execFileSync } from 'node:child_process'

/** Where Debian is fetched from while an image is built. */
export interface AptSource {
  readonly debian: string
  readonly security: string
  /** Lines of apt.conf that reach it: proxies, and whether its dates are believed. */
  readonly options: readonly string[]
}

/** What images fetch from, on whatever machine they were built. */
export const publicSource = {
  debian: 'http://deb.debian.org/debian',
  security: 'http://deb.debian.org/debian-security',
} as const

/**
 * The mirror and the settings that this machine's own apt uses; Debian's public one where it has no Debian.
 *
 * @example readAptSource() // { debian: 'http://deb.debian.org/debian', security: …, options: [] }
 */
export const readAptSource = (): AptSource => {
  const targets = run('apt-get', ['indextargets', '--format', '$(ORIGIN)|$(LABEL)|$(REPO_URI)', 'Created-By: Packages'])
  const options = run('apt-config', ['dump', 'Acquire'])
  return { ...parseTargets(targets), options: parseOptions(options) }
}

/** @param text lines `Origin|Label|URI`, as apt knows its sources */
export const parseTargets = (text: string): Pick<AptSource, 'debian' | 'security'> => {
  const rows = text.split('\n').map(line => line.split('|'))
  const uri = (label: string): string | undefined =>
    rows.find(row => row[0] === 'Debian' && row[1] === label)?.[2]?.replace(/\/+$/, '')
  return {
    debian: uri('Debian') ?? publicSource.debian,
    security: uri('Debian-Security') ?? publicSource.security,
  }
}

/** Keeps what says how a mirror is reached; drops what is this machine's own. */
export const parseOptions = (text: string): readonly string[] =>
  text
    .split('\n')
    .filter(line => /^Acquire::(https?::(Proxy|Verify|CaInfo)|Check-Valid-Until|Check-Date)\S* ".*";$/.test(line))

/** A machine without apt has no sources to tell of. */
const run = (program: string, words: readonly string[]): string => {
  try {
    return execFileSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return ''
  }
}

/** The three archives of a release, as lines of sources.list. */
export const sourceLines = (of: {
  readonly source: Pick<AptSource, 'debian' | 'security'>
  readonly suite: string
  readonly components: readonly string[]
}): readonly string[] => {
  const tail = of.components.join(' ')
  return [
    `deb ${of.source.debian} ${of.suite} ${tail}`,
    `deb ${of.source.debian} ${of.suite}-updates ${tail}`,
    `deb ${of.source.security} ${of.suite}-security ${tail}`,
  ]
}
