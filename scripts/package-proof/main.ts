import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { describeError } from '../../src/api/fault.ts'
import { version } from '../../src/lib/version.ts'
import { architectureOf } from '../packages/architectures.ts'
import { makeAgentPackage, makeBundles, makeHubPackage, makeProgramPackage } from '../packages/packages.ts'
import { proofHub } from './hub.ts'
import { livedRoot } from './lived-root.ts'
import { debianRoot, letRun, type Place } from './roots.ts'
import { type Builds, walk } from './walk.ts'

/** npm run test:packages: the Debian packages, in Debian 12 and 13, on three architectures. Needs root. */
const everywhere = ['amd64', 'arm64', 'armhf'].flatMap(one => [`bookworm-${one}`, `trixie-${one}`])
const { values } = parseArgs({ options: { root: { type: 'string', default: everywhere.join(',') } } })
const places: readonly Place[] = values.root.split(',').map(name => {
  const [release = '', architecture = ''] = name.split('-')
  return { release, architecture }
})

const work = mkdtempSync(join(tmpdir(), 'dunlin-proof-'))
let passed = 0
let failed = 0
const began = Date.now()
const say = (text: string): void => {
  process.stdout.write(`${String(Math.round((Date.now() - began) / 1000)).padStart(5)} s  ${text}\n`)
}

const older = `${version}~proof`
const making = { work, target: join(work, 'packages'), seconds: 1_700_000_000, compression: 'none' } as const

const buildsFor = (architecture: string, inputs: readonly string[]): Builds => {
  const build = (of: string): readonly string[] => {
    const made = { ...making, version: of, target: join(making.target, of) }
    return [
      makeProgramPackage({ ...made, architecture: architectureOf(architecture), inputs }),
      makeAgentPackage(made),
      // The store needs a newer Node than Debian's.
      ...(architecture === 'armhf' ? [] : [makeHubPackage(made)]),
    ]
  }
  return { older: build(older), newer: build(version) }
}

try {
  const inputs = await makeBundles(work)
  const folder = join(work, 'hub')
  mkdirSync(folder)
  const hub = await proofHub({ program: join(work, 'program/dunlin.js'), folder })
  const builds = new Map<string, Builds>()
  for (const place of places) {
    const name = `${place.release} ${place.architecture}`
    const takeBack = letRun(place.architecture)
    const root = await livedRoot(debianRoot(place))
    try {
      const made = builds.get(place.architecture) ?? buildsFor(place.architecture, inputs)
      builds.set(place.architecture, made)
      say(`${name}: begins`)
      await walk({
        place,
        root,
        hub,
        builds: made,
        check(what, is, found = '') {
          if (is) passed += 1
          else failed += 1
          say(`${is ? 'ok    ' : 'NOT OK'}  ${name}: ${what}${is || found === '' ? '' : `\n${found}`}`)
        },
      })
    } catch (error) {
      failed += 1
      say(`NOT OK  ${name}: ${describeError(error)}`)
    } finally {
      await root.close()
      takeBack()
    }
  }
  await hub.close()
} finally {
  rmSync(work, { recursive: true, force: true })
}
process.stdout.write(`${passed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1
