import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { version as ownVersion } from '../../src/lib/version.ts'
import { architectures } from './architectures.ts'
import { makeNpmPackage } from './npm-package.ts'
import { makeAgentPackage, makeArchive, makeBundles, makeHubPackage, makeProgramPackage } from './packages.ts'

/** npm run packages: Debian packages of hub and agent, archives for other distributions, checksums, bills of materials. */
const root = fileURLToPath(new URL('../..', import.meta.url))
const { values } = parseArgs({
  options: {
    arch: { type: 'string', default: architectures.map(one => one.name).join(',') },
    version: { type: 'string', default: ownVersion },
    target: { type: 'string', default: join(root, 'dist/packages') },
  },
})

const { version } = values
if (!/^\d[\w.+~]*$/.test(version)) {
  process.stderr.write(
    `error: "${version}" is no version of a package; expected one like ${ownVersion} or ${ownVersion}+2\n`,
  )
  process.exit(2)
}
const names = values.arch.split(',')
const unknown = names.find(name => !architectures.some(one => one.name === name))
if (unknown !== undefined) {
  process.stderr.write(
    `error: there is no architecture "${unknown}"; expected ${architectures.map(one => one.name).join(', ')}\n`,
  )
  process.exit(2)
}
const wanted = architectures.filter(one => names.includes(one.name))

const say = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

/** The time of the commit: the same commit makes the same bytes. */
const seconds = Number(
  process.env['SOURCE_DATE_EPOCH'] ??
    execFileSync('git', ['-C', root, 'log', '-1', '--format=%ct'], { encoding: 'utf8' }),
)
const work = mkdtempSync(join(tmpdir(), 'dunlin-packages-'))
try {
  const of = { work, target: values.target, seconds, compression: 'xz', version } as const
  rmSync(of.target, { recursive: true, force: true })
  mkdirSync(of.target, { recursive: true })
  say('bundling hub, CLI and agent')
  const inputs = await makeBundles(work)
  const made = [makeAgentPackage(of), makeHubPackage(of), (await makeNpmPackage(of)).path]
  for (const architecture of wanted) {
    say(`packing for ${architecture.name} (its Node is pressed small: half a minute)`)
    made.push(makeProgramPackage({ ...of, architecture, inputs }))
    made.push(makeArchive(of, architecture))
  }
  const sums = made
    .map(path => `${createHash('sha256').update(readFileSync(path)).digest('hex')}  ${basename(path)}\n`)
    .join('')
  writeFileSync(join(of.target, 'SHA256SUMS'), sums)
  for (const path of made) say(`${(readFileSync(path).length / 1e6).toFixed(1).padStart(7)} MB  ${path}`)
} finally {
  rmSync(work, { recursive: true, force: true })
}
