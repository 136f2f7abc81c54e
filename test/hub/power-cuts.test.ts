import { randomBytes } from 'node:crypto'
import { createWriteStream, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import t, { type Test } from 'tap'
import { isFault } from '../../src/api/fault.ts'
import { takeBackup } from '../../src/hub/backup.ts'
import { openJoinTokens } from '../../src/hub/identity/join-tokens.ts'
import { openKeys } from '../../src/hub/identity/keys.ts'
import { openData } from '../../src/hub/open-data.ts'
import { restoreBackup } from '../../src/hub/restore.ts'
import { writeDurably } from '../../src/lib/durable-file.ts'
import { folderOf } from '../support/folder-of.ts'
import { atEveryCut, type Cut } from '../support/power-cut.ts'

const time = Date.parse('2026-11-24T12:00:00Z')
const now = () => time
const sources = { now, randomBytes, names: ['hub.lan'] }

const reopened = async (folder: string) => {
  const { keys, store } = await openData({ folder, ...sources })
  await store.close()
  return keys
}

/** Whether other files are there, or other promises were made, than in the states before: content alone is SQLite's. */
const newShapes = () => {
  const seen = new Set<string>()
  return (cut: Cut): boolean => {
    const shape = [...cut.passed, ...(readdirSync(cut.folder, { recursive: true }) as string[]).toSorted()].join()
    return !seen.has(shape) && seen.add(shape).size > 0
  }
}

/** The lock that is left names a process of the boot before. */
const forgetProcess = (folder: string): void => {
  const path = join(folder, 'hub.db.lock')
  if (!existsSync(path)) return
  writeFileSync(path, readFileSync(path, 'utf8').replace(/"bootId":"[^"]*"/, '"bootId":"before"'))
}

t.test('a hub whose power goes at any moment of its first start is one hub at the next', async t => {
  const folder = `${folderOf(t)}/hub`
  let fleet = ''
  const isNewShape = newShapes()
  const states = await atEveryCut({
    folder,
    async deed(mark) {
      const { keys, store } = await openData({ folder, ...sources })
      fleet = keys.fleet
      mark('up')
      await store.close()
    },
    async next(cut) {
      forgetProcess(cut.folder)
      // Before all keys are there, no store may be: the keys are all there is to try.
      const hasStore = existsSync(join(cut.folder, 'keys/format')) || existsSync(join(cut.folder, 'hub.db'))
      const isTried = hasStore && isNewShape(cut)
      const keys = isTried ? await reopened(cut.folder) : await openKeys(join(cut.folder, 'keys'), sources)
      if (cut.passed.has('up')) t.equal(keys.fleet, fleet, cut.name)
      // Whole now, and the same for ever.
      const again = await openKeys(join(cut.folder, 'keys'), sources)
      t.equal(again.fleet, keys.fleet, cut.name)
      t.equal(again.ca.pin, keys.ca.pin, cut.name)
    },
  })
  t.ok(states > 30, `${states} states`)
})

t.test('new names and new at-rest keys come whole or not at all, and old values still open', async t => {
  const folder = `${folderOf(t)}/keys`
  const keys = await openKeys(folder, sources)
  const sealed = keys.atRest.seal(Buffer.from('secret'), '/a')
  await atEveryCut({
    folder,
    async deed(mark) {
      await keys.rotateAtRest()
      mark('rotated')
      await keys.useNames(['hub.lan', 'hub.example'])
    },
    async next(cut) {
      const after = await openKeys(cut.folder, sources)
      t.equal(after.ca.pin, keys.ca.pin, cut.name)
      t.equal(Buffer.from(after.atRest.open(sealed, '/a')).toString(), 'secret', cut.name)
      if (cut.passed.has('rotated')) {
        const { keys: all } = JSON.parse(readFileSync(join(cut.folder, 'at-rest.json'), 'utf8'))
        t.equal(all.length, 2, cut.name)
      }
    },
  })
})

/** A backup of a hub with one value and one open join token. */
const aBackup = async (t: Test) => {
  const root = folderOf(t)
  const { keys, store } = await openData({ folder: `${root}/old`, ...sources })
  const tokens = await openJoinTokens({ store, now, randomBytes, pin: keys.ca.pin, addresses: () => ['a:1'] })
  await tokens.create({ ttlSeconds: 600 })
  await store.transact({ compare: [], operations: [{ operation: 'put', key: '/a', value: Buffer.from('b') }] })
  const archive = `${root}/monday.dunlin`
  const options = { folder: `${root}/old`, store, fleet: keys.fleet, now, randomBytes }
  await pipeline(takeBackup(options), createWriteStream(archive))
  await store.close()
  return { root, archive, fleet: keys.fleet, incarnation: store.incarnation }
}

t.test('a restore that is cut short is the whole backup or is run again, never a new fleet', async t => {
  const { root, archive, fleet, incarnation } = await aBackup(t)
  const folder = `${root}/new`
  let refusals = 0
  let wholes = 0
  const isNewShape = newShapes()
  const states = await atEveryCut({
    folder,
    async deed(mark) {
      await restoreBackup({ archive, folder, now })
      mark('restored')
    },
    async next(cut) {
      forgetProcess(cut.folder)
      if (existsSync(join(cut.folder, 'restoring/ready')) && !isNewShape(cut)) return
      const start = () => openData({ folder: cut.folder, ...sources })
      const first = await start().catch(async (error: unknown) => {
        if (!isFault(error, 'Machine') || !/was cut short: run it again/.test(error.message)) throw error
        t.notOk(cut.passed.has('restored'), cut.name)
        refusals += 1
        // Each is run again by the same road: a few show that it is open.
        if (refusals % 15 !== 1) return undefined
        await restoreBackup({ archive, folder: cut.folder, now })
        return await start()
      })
      if (first === undefined) return
      const isNew = first.keys.fleet !== fleet
      // Nothing of the restore was on the disk yet: the folder is as empty as before it.
      if (isNew) t.strictSame([...cut.passed], [], cut.name)
      else {
        t.ok(first.store.incarnation > incarnation, cut.name)
        t.equal(Buffer.from((await first.store.get('/a'))?.value ?? []).toString(), 'b', cut.name)
        t.strictSame((await first.store.range('/dunlin/tokens/')).entries, [], cut.name)
        t.notOk(existsSync(join(cut.folder, 'restoring')), cut.name)
      }
      if (!isNew) wholes += 1
      await first.store.close()
    },
  })
  t.ok(refusals > 10 && wholes > 10, `${states} states: ${refusals} run again, ${wholes} whole`)
})

t.test('a backup that is said to be written is there, whole', async t => {
  const folder = `${folderOf(t)}/mine`
  await atEveryCut({
    folder,
    async deed(mark) {
      async function* archive() {
        for (const part of ['one ', 'two ', 'three']) yield Buffer.from(part)
      }
      await writeDurably(join(folder, 'monday.dunlin'), archive())
      mark('said')
    },
    async next(cut) {
      const path = join(cut.folder, 'monday.dunlin')
      const text = existsSync(path) ? readFileSync(path, 'utf8') : undefined
      t.ok(text === 'one two three' || (text === undefined && !cut.passed.has('said')), cut.name)
    },
  })
})
