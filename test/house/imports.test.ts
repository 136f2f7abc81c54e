import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Which rooms a room may import from, besides itself. */
const mayImport: Record<string, readonly string[]> = {
  lib: [],
  api: [],
  core: ['api', 'lib'],
  wire: ['api', 'lib', 'core'],
  'runtime-podman': ['api', 'lib', 'core'],
  netproxy: ['api', 'lib', 'core'],
  hub: ['api', 'lib', 'core', 'wire'],
  agent: ['api', 'lib', 'core', 'wire'],
  cli: ['api', 'lib', 'core', 'wire', 'hub', 'agent'],
}

/** Packages that only one file may import. */
const singleDoor = ['@lydell/node-pty', 'aedes', 'systeminformation', 'yaml']

interface Import {
  readonly file: string
  readonly target: string
  readonly isTypeOnly: boolean
}

const files = (readdirSync(`${root}src`, { recursive: true }) as string[])
  .filter(name => name.endsWith('.ts'))
  .map(name => `src/${name}`)

const imports: readonly Import[] = files.flatMap(file =>
  [
    ...readFileSync(`${root}${file}`, 'utf8').matchAll(
      /^(?:import|export)\s+(type\s+)?[^'"]*?from\s+'([^']+)'|\bimport\('([^']+)'\)/gm,
    ),
  ].map(match => ({
    file,
    target: match[2] ?? match[3] ?? '',
    isTypeOnly: match[1] !== undefined,
  })),
)

const roomOf = (path: string): string => path.split('/')[1] ?? ''

const resolved = (of: Import): string =>
  of.target.startsWith('.') ? normalize(join(dirname(of.file), of.target)) : of.target

t.test('imports point one way between the rooms of the house', async t => {
  const wrong = imports
    .filter(one => one.target.startsWith('.'))
    .filter(one => {
      const from = roomOf(one.file)
      const to = roomOf(resolved(one))
      if (from === to) return false
      // The agent meets the engine and the network only where it is wired.
      if (one.file === 'src/agent/main.ts' && (to === 'runtime-podman' || to === 'netproxy')) return false
      return !(mayImport[from] ?? []).includes(to)
    })
  t.strictSame(
    wrong.map(one => `${one.file} imports ${resolved(one)}`),
    [],
  )
})

t.test('core is pure: no package, no Node built-in, and only files of lib that import nothing', async t => {
  const isPureLib = (path: string) => !imports.some(one => one.file === path)
  const wrong = imports
    .filter(one => roomOf(one.file) === 'core')
    .filter(one => {
      const to = resolved(one)
      if (!one.target.startsWith('.')) return true
      return roomOf(to) === 'lib' && !isPureLib(to)
    })
  t.strictSame(
    wrong.map(one => `${one.file} imports ${one.target}`),
    [],
  )
})

t.test('core awaits nothing and reads no clock', async t => {
  const wrong = files
    .filter(file => roomOf(file) === 'core')
    .filter(file =>
      /\bawait\b|\basync\b|Date\.now\(|new Date\(\)|Math\.random\(|performance\.now\(/.test(
        readFileSync(`${root}${file}`, 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, ''),
      ),
    )
  t.strictSame(wrong, [])
})

t.test('a package with one door is imported by one file', async t => {
  for (const name of singleDoor) {
    const doors = new Set(
      imports
        .filter(one => !one.isTypeOnly && (one.target === name || one.target.startsWith(`${name}/`)))
        .map(one => one.file),
    )
    t.ok(doors.size <= 1, `${name}: ${[...doors].join(', ')}`)
  }
})
