import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openSqliteStore } from '../src/hub/store/sqlite-store.ts'
import { compare, report } from './measure.ts'

/*
 * Durable writes a second: the hub's store beside bare SQLite with the same durability (WAL, synchronous FULL, 8 KiB pages),
 * 64 writers, values of 2 KB. Bare SQLite commits 64 rows at once, as the store does with what waits.
 */
const writes = 6400
const together = 64
const value = Buffer.alloc(2048, 'v')
const folder = mkdtempSync(join(tmpdir(), 'dunlin-bench-'))

const bare = async (round: number): Promise<number> => {
  const db = new DatabaseSync(join(folder, `bare-${round}.db`))
  db.exec(
    'PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE log (id INTEGER PRIMARY KEY, key TEXT, value BLOB)',
  )
  const insert = db.prepare('INSERT INTO log (key, value) VALUES (?, ?)')
  const started = performance.now()
  for (let at = 0; at < writes; at += together) {
    db.exec('BEGIN')
    for (let one = 0; one < together; one += 1) insert.run(`/pods/default/p-${at + one}`, value)
    db.exec('COMMIT')
  }
  const seconds = (performance.now() - started) / 1000
  db.close()
  return writes / seconds
}

const ours = async (round: number): Promise<number> => {
  const store = await openSqliteStore({ path: join(folder, `ours-${round}.db`), now: Date.now() })
  const started = performance.now()
  let next = 0
  const writer = async (): Promise<void> => {
    while (next < writes) {
      const key = `/pods/default/p-${next}`
      next += 1
      await store.transact({ compare: [{ key, modRevision: 0 }], operations: [{ operation: 'put', key, value }] })
    }
  }
  await Promise.all(Array.from({ length: together }, writer))
  const seconds = (performance.now() - started) / 1000
  await store.close()
  return writes / seconds
}

try {
  report(
    'store puts',
    'durable writes a second, 64 at once',
    await compare(
      [
        { name: 'bare SQLite', run: bare },
        { name: 'store, with compare and watch', run: ours },
      ],
      5,
    ),
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}
