import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { keepOlder } from '../../../src/hub/store/keep-older.ts'
import { openSqliteStore } from '../../../src/hub/store/sqlite-store.ts'
import { fails } from '../../support/fails.ts'
import { folderOf } from '../../support/folder-of.ts'

const now = 1_800_000_000_000

/** A store with one key, as an earlier hub left it. */
const aStore = async (t: Parameters<typeof folderOf>[0], format: number) => {
  const folder = folderOf(t)
  const path = `${folder}/hub.db`
  const store = await openSqliteStore({ path, now })
  await store.transact({ compare: [], operations: [{ operation: 'put', key: '/a', value: Buffer.from('kept') }] })
  const { incarnation } = store
  await store.close()
  const db = new DatabaseSync(path)
  db.prepare("UPDATE meta SET value = ? WHERE name = 'format'").run(format)
  db.close()
  return { folder, path, incarnation }
}
const formatIn = (path: string): unknown => {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    return db.prepare("SELECT value FROM meta WHERE name = 'format'").get()?.['value']
  } finally {
    db.close()
  }
}

t.test('a store of an older format is kept before it is brought to this one', async t => {
  const { path } = await aStore(t, 0)
  const store = await openSqliteStore({ path, now })
  t.match(await store.get('/a'), { modRevision: 1 })
  await store.close()
  t.equal(formatIn(path), 1)
  t.equal(formatIn(`${path}.format-0`), 0)
  t.equal(statSync(`${path}.format-0`).mode & 0o777, 0o600)
})

t.test('a hub that goes back to it is believed: its incarnation is higher', async t => {
  const { path, incarnation } = await aStore(t, 0)
  const kept = await keepOlder({ path, now })
  const back = await openSqliteStore({ path: kept ?? '', now })
  t.ok(back.incarnation > incarnation)
  t.equal(Buffer.from((await back.get('/a'))?.value ?? []).toString(), 'kept')
  await back.close()
})

t.test('nothing is kept of a store of this format, of none, or of what is no store', async t => {
  const { path, folder } = await aStore(t, 1)
  t.equal(await keepOlder({ path, now }), undefined)
  t.equal(await keepOlder({ path: `${folder}/nothing.db`, now }), undefined)
  writeFileSync(`${folder}/text.db`, 'no database at all'.repeat(100))
  t.equal(await keepOlder({ path: `${folder}/text.db`, now }), undefined)
  t.notOk(readdirSync(folder).some(name => name.includes('.format')))
})

t.test('a copy that a loss of power left unfinished is not taken for one', async t => {
  const { path } = await aStore(t, 0)
  writeFileSync(`${path}.format.tmp`, 'half')
  t.equal(await keepOlder({ path, now }), `${path}.format-0`)
  t.notOk(existsSync(`${path}.format.tmp`))
})

t.test('a store that another program holds is not changed', async t => {
  const { path } = await aStore(t, 0)
  const other = new DatabaseSync(path)
  other.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE')
  await fails(t, openSqliteStore({ path, now }), 'Machine', /locked/)
  other.exec('ROLLBACK')
  other.close()
  t.equal(formatIn(path), 0)
})
