import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { StoreEntry, StoreEvent } from './store.ts'

/** The format of the file. One version back is readable: a store of it is brought to this one, and a copy kept. */
export const storeFormat = 1

/** Operations of one transaction at most. An id of the log is revision * 1024 + index: below 2^53 for longer than any hardware lasts. */
export const mostOperations = 1024

/** Every statement of the store, prepared once. */
export const statements = (db: DatabaseSync) => {
  const columns = 'log.id, log.key, log.created, log.version, log.value'
  const prepared = {
    begin: 'BEGIN IMMEDIATE',
    commit: 'COMMIT',
    rollback: 'ROLLBACK',
    kv: 'SELECT id, created, version FROM kv WHERE key = ?',
    put: 'INSERT OR REPLACE INTO kv VALUES (?, ?, ?, ?)',
    delete: 'DELETE FROM kv WHERE key = ?',
    log: 'INSERT INTO log VALUES (?, ?, ?, ?, ?, ?)',
    row: 'SELECT * FROM log WHERE id = ?',
    get: `SELECT ${columns} FROM kv JOIN log USING (id) WHERE kv.key = ?`,
    range: `SELECT ${columns} FROM kv JOIN log USING (id)
      WHERE kv.key >= ? AND kv.key < ? AND kv.key > ? ORDER BY kv.key LIMIT ?`,
    count: 'SELECT count(*) AS count FROM kv WHERE key >= ? AND key < ?',
    keys: 'SELECT key, id FROM kv WHERE key >= ? AND key < ?',
    // The other columns are those of the row with the least id (sqlite.org/lang_select.html, "bare columns").
    firstChanges: 'SELECT key, previous, min(id) AS id FROM log WHERE id >= ? AND key >= ? AND key < ? GROUP BY key',
    eventsAfter: `SELECT log.id, log.key, log.value, before.value AS last FROM log
      LEFT JOIN log AS before ON log.value IS NULL AND before.id = log.previous
      WHERE log.id >= ? ORDER BY log.id LIMIT ?`,
    nth: 'SELECT id FROM log WHERE id >= ? ORDER BY id LIMIT 1 OFFSET ?',
    dropSuperseded: `DELETE FROM log WHERE id IN (SELECT previous FROM log WHERE id >= ? AND id < ? AND previous > 0)`,
    dropTombstones: 'DELETE FROM log WHERE id >= ? AND id < ? AND value IS NULL',
    meta: 'INSERT OR REPLACE INTO meta VALUES (?, ?)',
  } as const
  const made: Partial<Record<keyof typeof prepared, StatementSync>> = {}
  for (const name of Object.keys(prepared) as (keyof typeof prepared)[]) made[name] = db.prepare(prepared[name])
  return made as Record<keyof typeof prepared, StatementSync>
}

type Row = ReturnType<StatementSync['get']> & {}

export const revisionOf = (id: number): number => Math.floor(id / mostOperations)

export const bytes = (value: unknown): Uint8Array => (value instanceof Uint8Array ? value : new Uint8Array())

export const entry = (row: Row): StoreEntry => ({
  key: String(row['key']),
  value: bytes(row['value']),
  createRevision: Number(row['created']),
  modRevision: revisionOf(Number(row['id'])),
  version: Number(row['version']),
})

export const event = (row: Row): StoreEvent => ({
  type: row['value'] === null ? 'delete' : 'put',
  key: String(row['key']),
  revision: revisionOf(Number(row['id'])),
  value: bytes(row['value'] ?? row['last']),
})

/** The first string after all that begin with `prefix`. */
export const end = (prefix: string): string => `${prefix}\u{10ffff}`
