import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { pipeline } from 'node:stream/promises'
import t, { type Test } from 'tap'
import { takeBackup } from '../../src/hub/backup.ts'
import { openJoinTokens } from '../../src/hub/identity/join-tokens.ts'
import { openKeys } from '../../src/hub/identity/keys.ts'
import { restoreBackup } from '../../src/hub/restore.ts'
import { openSqliteStore } from '../../src/hub/store/sqlite-store.ts'
import { fails } from '../support/fails.ts'
import { folderOf } from '../support/folder-of.ts'

const time = Date.parse('2026-11-24T12:00:00Z')
const now = () => time

/** A hub's folder with keys, a store, one used and one open token, and a backup of it. */
const backedUp = async (t: Test, passphrase?: string) => {
  const root = folderOf(t)
  const folder = `${root}/hub`
  mkdirSync(folder)
  const keys = await openKeys(`${folder}/keys`, { now, randomBytes, names: [] })
  const store = await openSqliteStore({ path: `${folder}/hub.db`, now: time })
  const tokens = await openJoinTokens({ store, now, randomBytes, pin: keys.ca.pin, addresses: () => ['a:1'] })
  const open = await tokens.create({ ttlSeconds: 600 })
  const used = await tokens.create({ ttlSeconds: 600 })
  const change = tokens.use(used.record, 'kitchen', 'hash')
  await store.transact({ compare: [], operations: [change.operation] })
  await store.transact({ compare: [], operations: [{ operation: 'put', key: '/a', value: randomBytes(300_000) }] })
  const archive = `${root}/monday.dunlin`
  const options = {
    folder,
    store,
    fleet: keys.fleet,
    now,
    randomBytes,
    ...(passphrase === undefined ? {} : { passphrase }),
  }
  await pipeline(takeBackup(options), createWriteStream(archive))
  const value = (await store.get('/a'))?.value
  await store.close()
  return { root, folder, keys, store, open, used, archive, value, options }
}

t.test('a backup that is restored is the same hub, with a higher incarnation and no open token', async t => {
  const before = await backedUp(t)
  t.notOk(
    readdirSync(before.folder).some(name => name.startsWith('.backup-copy-')),
    'the copy of the store is gone',
  )
  const folder = `${before.root}/new`
  const done = await restoreBackup({ archive: before.archive, folder, now })
  t.ok(done.incarnation > before.store.incarnation)
  t.strictSame(done.voidedTokens, [before.open.record.id])
  t.match(done.warnings.join('\n'), /revoked after 2026-11-24T12:00:00\.000Z are welcome again/)
  t.equal(done.facts.fleet, before.keys.fleet)
  for (const name of readdirSync(`${before.folder}/keys`)) {
    t.equal(readFileSync(`${folder}/keys/${name}`, 'utf8'), readFileSync(`${before.folder}/keys/${name}`, 'utf8'), name)
    t.equal(statSync(`${folder}/keys/${name}`).mode & 0o777, 0o600, name)
  }
  const store = await openSqliteStore({ path: `${folder}/hub.db`, now: time })
  t.equal(store.incarnation, done.incarnation)
  t.strictSame((await store.get('/a'))?.value, before.value)
  t.notOk(await store.get(`/dunlin/tokens/${before.open.record.id}`))
  t.ok(await store.get(`/dunlin/tokens/${before.used.record.id}`))
  await store.close()
  t.notOk(existsSync(`${folder}/restoring`))
})

t.test('a backup in the clear is what tar and gzip read', async t => {
  const { archive } = await backedUp(t)
  const names = execFileSync('tar', ['tzf', archive], { encoding: 'utf8' }).trim().split('\n')
  t.strictSame(names.slice(0, 2), ['backup.json', 'hub.db'])
  t.ok(names.includes('keys/ca.key'))
  t.match(execFileSync('tar', ['xzOf', archive, 'backup.json'], { encoding: 'utf8' }), /"format": 1/)
})

t.test('a sealed backup opens with its passphrase alone, and only whole', async t => {
  const before = await backedUp(t, 'correct horse')
  const { archive, root } = before
  const restore = (to: string, passphrase?: string, from = archive) =>
    restoreBackup({ archive: from, folder: `${root}/${to}`, now, ...(passphrase === undefined ? {} : { passphrase }) })
  t.notOk(readFileSync(archive).includes('PRIVATE KEY'))
  await fails(t, restore('a'), 'BadRequest', /sealed with a passphrase; give it/)
  await fails(t, restore('b', 'wrong horse'), 'Distrusted', /passphrase is wrong/)
  const bytes = readFileSync(archive)
  for (const [name, change, reason, message] of [
    ['cut', bytes.subarray(0, bytes.length - 1), 'Malformed', /cut short/],
    ['cut between frames', bytes.subarray(0, 23 + 16 + 4 + 65_536 + 16), 'Malformed', /cut short/],
    ['changed', Buffer.from(bytes).fill(0x5a, 90_000, 90_001), 'Distrusted', /was changed, in frame 1/],
  ] as const) {
    writeFileSync(`${root}/${name}`, change)
    await fails(t, restore(`to ${name}`, 'correct horse', `${root}/${name}`), reason, message)
    t.strictSame(readdirSync(`${root}/to ${name}`), [], 'nothing is left of it')
  }
  t.equal((await restore('c', 'correct horse')).facts.fleet, before.keys.fleet)
})

t.test('a restore refuses what is no backup, and a folder that is in use', async t => {
  const { archive, folder, root } = await backedUp(t)
  const restore = (from: string, to: string) => restoreBackup({ archive: from, folder: to, now })
  await fails(
    t,
    restore(archive, folder),
    'Machine',
    /already holds a hub \(hub\.db, keys\)|already holds a hub \(hub\.db.*keys\)/,
  )
  await fails(t, restore(`${root}/none`, `${root}/x`), 'Machine', /none cannot be read/)
  writeFileSync(`${root}/text`, 'hello')
  await fails(t, restore(`${root}/text`, `${root}/x`), 'Malformed', /text is no whole backup: incorrect header check/)
  truncateSync(archive, 5000)
  await fails(t, restore(archive, `${root}/x`), 'Malformed', /is no whole backup/)
  mkdirSync(`${root}/evil`)
  writeFileSync(`${root}/evil/x`, 'x')
  execFileSync('tar', [
    'czf',
    `${root}/evil.tgz`,
    '--format=ustar',
    '-P',
    '-C',
    `${root}/evil`,
    '--transform',
    's,^x,../../x,',
    'x',
  ])
  await fails(t, restore(`${root}/evil.tgz`, `${root}/x`), 'Malformed', /holds "\.\.\/\.\.\/x", which no backup does/)
  t.strictSame(readdirSync(`${root}/x`), [])
})
