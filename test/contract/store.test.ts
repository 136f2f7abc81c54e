import { randomUUID } from 'node:crypto'
import t from 'tap'
import { openSqliteStore } from '../../src/hub/store/sqlite-store.ts'
import { fakeStore } from '../fakes/store.ts'
import { folderOf } from '../support/folder-of.ts'
import { storeContract } from './store.ts'

t.test('the store in memory', async t => storeContract(t, async () => fakeStore()))

t.test('the store in a file', async t => {
  const folder = folderOf(t)
  storeContract(t, async t => {
    const store = await openSqliteStore({ path: `${folder}/${randomUUID()}.db`, now: 1_800_000_000_000 })
    t.teardown(() => store.close().catch(() => {}))
    return store
  })
})
