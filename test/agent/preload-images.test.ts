import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { preloadImages } from '../../src/agent/preload-images.ts'
import { jsonLog } from '../../src/lib/log.ts'
import { fakeRuntime } from '../fakes/runtime.ts'

const logInto = (lines: string[]) => jsonLog({ write: line => lines.push(line), level: 'info', now: () => 0 })

t.test('a folder that is not there, as on a card with a broken boot partition, is told and nothing more', async t => {
  const lines: string[] = []
  const folder = join(t.testdir(), 'not-there')
  await preloadImages({ folder, runtime: fakeRuntime(), stateFolder: t.testdir(), log: logInto(lines) })
  t.equal(lines.length, 1)
  t.match(lines[0] ?? '', 'the folder of image archives cannot be read')
})

t.test('each archive is loaded once, and again when it has changed', async t => {
  const lines: string[] = []
  const stateFolder = join(t.testdir(), 'state')
  const folder = join(t.testdir(), 'images')
  mkdirSync(folder)
  mkdirSync(stateFolder)
  const loaded: string[] = []
  const runtime = {
    ...fakeRuntime(),
    loadImage: async (path: string) => {
      loaded.push(path)
      return []
    },
  }
  const of = { folder, runtime, stateFolder, log: logInto(lines) }
  const archive = join(folder, 'hello.tar')
  writeFileSync(archive, 'one')
  writeFileSync(join(folder, 'readme.txt'), 'no archive')
  await preloadImages(of)
  await preloadImages(of)
  t.strictSame(loaded, [archive])
  writeFileSync(archive, 'another')
  await preloadImages(of)
  t.strictSame(loaded, [archive, archive])
})
