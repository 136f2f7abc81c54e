import { copyFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { raiseIncarnation } from '../../../src/hub/store/raise-incarnation.ts'
import { openSqliteStore } from '../../../src/hub/store/sqlite-store.ts'
import type { Store } from '../../../src/hub/store/store.ts'
import { fails } from '../../support/fails.ts'
import { folderOf } from '../../support/folder-of.ts'

const now = 1_800_000_000_000
const kilobytes = (count: number) => new Uint8Array(count * 1024).fill(120)
const put = (store: Store, key: string, value = kilobytes(1)) =>
  store.transact({ compare: [], operations: [{ operation: 'put', key, value }] })

t.test('what was written is there after a restart; term rises, incarnation stays', async t => {
  const path = `${folderOf(t)}/hub.db`
  const first = await openSqliteStore({ path, now })
  const { revision } = await put(first, '/a')
  await first.close()
  const second = await openSqliteStore({ path, now: now + 5_000_000 })
  t.equal(await second.revision(), revision)
  t.match(await second.get('/a'), { modRevision: revision })
  t.equal(second.term, first.term + 1)
  t.equal(second.incarnation, first.incarnation)
  await second.close()
})

t.test('revisions go on after a compaction that left nothing', async t => {
  const path = `${folderOf(t)}/hub.db`
  const first = await openSqliteStore({ path, now })
  await put(first, '/a')
  const { revision } = await first.transact({ compare: [], operations: [{ operation: 'delete', key: '/a' }] })
  await first.compact(revision)
  await first.close()
  const second = await openSqliteStore({ path, now })
  t.equal(await second.revision(), revision)
  t.equal((await put(second, '/a')).revision, revision + 1)
  await second.close()
})

t.test('a second hub is refused and told which process has the store', async t => {
  const path = `${folderOf(t)}/hub.db`
  const store = await openSqliteStore({ path, now })
  await fails(t, openSqliteStore({ path, now }), 'Machine', new RegExp(`process ${process.pid}.*stop it first`))
  await put(store, '/a')
  await store.close()
  t.notOk(existsSync(`${path}.lock`))
})

t.test('a lock that a dead process left is taken over', async t => {
  const path = `${folderOf(t)}/hub.db`
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  for (const left of [
    JSON.stringify({ pid: process.pid, bootId, started: '1' }),
    JSON.stringify({ pid: process.pid, bootId: 'of an earlier boot', started: '1' }),
    JSON.stringify({ pid: 4_194_300, bootId, started: '1' }),
    'torn',
    '',
  ]) {
    writeFileSync(`${path}.lock`, left)
    const store = await openSqliteStore({ path, now })
    await store.close()
  }
})

t.test('a store that another program holds is refused', async t => {
  const path = `${folderOf(t)}/hub.db`
  await (await openSqliteStore({ path, now })).close()
  const other = new DatabaseSync(path)
  other.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  await fails(t, openSqliteStore({ path, now }), 'Machine', /locked by another program/)
  other.close()
  await (await openSqliteStore({ path, now })).close()
})

t.test('a full store refuses a write as a whole, keeps what it has and goes on when there is room', async t => {
  const path = `${folderOf(t)}/hub.db`
  const store = await openSqliteStore({ path, now, mostBytes: 400 * 1024 })
  await put(store, '/small', kilobytes(1))
  await fails(t, put(store, '/large', kilobytes(1000)), 'Machine', /full: nothing was written; make room/)
  t.equal(await store.get('/large'), undefined)
  const together = await Promise.allSettled([
    put(store, '/b', kilobytes(1)),
    put(store, '/large', kilobytes(1000)),
    put(store, '/c', kilobytes(1)),
  ])
  t.strictSame(
    together.map(one => one.status),
    ['fulfilled', 'rejected', 'fulfilled'],
    'a write that does not fit takes no other with it',
  )
  t.equal((await store.range('/')).count, 3)
  await store.close()
})

t.test('a corrupt store is refused with what to do, and left as it is', async t => {
  const folder = folderOf(t)
  const path = `${folder}/hub.db`
  const store = await openSqliteStore({ path, now })
  await Promise.all(Array.from({ length: 50 }, (_, i) => put(store, `/key/${i}`)))
  await store.close()
  copyFileSync(path, `${folder}/cut.db`)
  truncateSync(`${folder}/cut.db`, 20_000)
  await fails(t, openSqliteStore({ path: `${folder}/cut.db`, now }), 'Machine', /corrupt.*restore the newest backup/)
  const scrambled = readFileSync(path)
  scrambled.fill(0xff, 8192 + 8, 8192 + 4000)
  writeFileSync(`${folder}/scrambled.db`, scrambled)
  await fails(t, openSqliteStore({ path: `${folder}/scrambled.db`, now }), 'Machine', /corrupt/)
  t.ok(readFileSync(`${folder}/scrambled.db`).equals(scrambled))
})

t.test('a file that is no store of ours is refused and left as it is', async t => {
  const folder = t.testdir({ 'notes.txt': 'not a database, but notes '.repeat(100) })
  await fails(t, openSqliteStore({ path: `${folder}/notes.txt`, now }), 'Machine', /not a store of Dunlin/)
  t.match(readFileSync(`${folder}/notes.txt`, 'utf8'), /^not a database/)
  const foreign = new DatabaseSync(`${folder}/foreign.db`)
  foreign.exec('CREATE TABLE songs (name TEXT)')
  foreign.close()
  await fails(t, openSqliteStore({ path: `${folder}/foreign.db`, now }), 'Machine', /not a store of Dunlin/)
  await fails(t, openSqliteStore({ path: `${folder}/none/hub.db`, now }), 'Machine', /ENOENT|folder exists/)
})

t.test('a store of a newer format is refused', async t => {
  const path = `${folderOf(t)}/hub.db`
  await (await openSqliteStore({ path, now })).close()
  const db = new DatabaseSync(path)
  db.exec("UPDATE meta SET value = 7 WHERE name = 'format'")
  db.close()
  await fails(t, openSqliteStore({ path, now }), 'Machine', /format 7.*newer hub/)
})

t.test('a backup made during writes is one consistent moment; a restore raises the incarnation', async t => {
  const folder = folderOf(t)
  const store = await openSqliteStore({ path: `${folder}/hub.db`, now })
  await Promise.all(Array.from({ length: 200 }, (_, i) => put(store, `/before/${i}`)))
  const writes = Promise.all(Array.from({ length: 300 }, (_, i) => put(store, `/during/${i}`)))
  await store.backup(`${folder}/copy.db`)
  await writes
  await store.close()
  const raised = raiseIncarnation(`${folder}/copy.db`, now)
  t.ok(raised > store.incarnation)
  const copy = await openSqliteStore({ path: `${folder}/copy.db`, now })
  t.equal(copy.incarnation, raised)
  const { entries } = await copy.range('/')
  t.ok(entries.length >= 200)
  t.equal(await copy.revision(), entries.length, 'a revision is either whole in the copy or not there')
  await copy.close()
})

t.test('forgetting goes on beside writes and watches, and leaves each key once', async t => {
  const path = `${folderOf(t)}/hub.db`
  const store = await openSqliteStore({ path, now })
  const stop = new AbortController()
  const seen: number[] = []
  const watching = (async () => {
    for await (const events of store.watch('/', 0, stop.signal)) {
      seen.push(...events.map(one => one.revision))
      if (seen.length >= 3000) return
    }
  })()
  for (let round = 0; round < 6; round += 1) {
    const writes = Array.from({ length: 500 }, (_, i) =>
      put(store, `/key/${i % 40}`, new TextEncoder().encode(`${round} ${i}`)),
    )
    const forgetting = store.compact(await store.revision())
    await Promise.all([...writes, forgetting])
  }
  await watching
  stop.abort()
  t.strictSame(
    seen,
    Array.from({ length: 3000 }, (_, i) => i + 1),
    'the watch had everything, in order',
  )
  await store.compact(await store.revision())
  const { entries } = await store.range('/')
  t.strictSame(
    entries.map(one => new TextDecoder().decode(one.value)).toSorted(),
    Array.from({ length: 40 }, (_, i) => `5 ${i < 20 ? 480 + i : 440 + i}`).toSorted(),
  )
  await store.close()
  const db = new DatabaseSync(path)
  t.equal(db.prepare('SELECT count(*) AS count FROM log').get()?.['count'], 40)
  db.close()
})
