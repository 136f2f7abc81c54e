import { closeSync, existsSync, openSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { Fault } from '../../api/fault.ts'
import { copyDatabase } from './copy-database.ts'
import type { RangeOptions, RangeResult, StoreEntry, StoreEvent, Transaction } from './store.ts'
import { expired, storeFault } from './store-fault.ts'
import { bytes, end, entry, event, storeFormat as format, mostOperations, revisionOf, statements } from './store-sql.ts'

/*
 *   log   id = revision * 1024 + index ──> key, what happened, the id it replaces, the value (each value once)
 *   kv    key ──> id of its present row in log, create revision, version
 *   meta  format, incarnation, term, compacted
 *
 * A revision is one committed transaction of up to 1024 operations.
 */

/** "DNLN": marks the file as ours for `file` and for a wrong path. */
const applicationId = 0x444e4c4e
/** Above this size the whole-file check at start would keep a hub waiting for minutes on a card. */
const mostCheckedBytes = 64 * 1024 * 1024

/** Rows looked at in one step of a compaction: writers wait no longer than for these. */
const compactRows = 500

const schema = `
  CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS log (id INTEGER PRIMARY KEY, key TEXT NOT NULL, created INTEGER NOT NULL,
    version INTEGER NOT NULL, previous INTEGER NOT NULL, value BLOB);
  CREATE TABLE IF NOT EXISTS kv (key TEXT PRIMARY KEY, id INTEGER NOT NULL, created INTEGER NOT NULL,
    version INTEGER NOT NULL) WITHOUT ROWID;`

export interface CommitResult {
  readonly committed: boolean
  readonly revision: number
  readonly events: readonly StoreEvent[]
}

export interface StoreFile {
  readonly incarnation: number
  readonly term: number
  readonly revision: number
  readonly compacted: number
  /** All of them in one durable commit; each has its own revision or none. */
  transact(transactions: readonly Transaction[]): readonly CommitResult[]
  get(key: string): StoreEntry | undefined
  range(prefix: string, options: RangeOptions): RangeResult
  /** Events with an id after `id`, whole revisions, about `limit` of them. */
  eventsAfter(revision: number, limit: number): { readonly events: readonly StoreEvent[]; readonly through: number }
  /** One short step; repeat until it says so. */
  compactStep(revision: number): { readonly isDone: boolean; readonly compacted: number }
  backup(path: string): Promise<void>
  close(): void
}

export interface StoreFileOptions {
  readonly path: string
  /** Milliseconds since 1970, for the incarnation of a new store. */
  readonly now: number
  /** The file may grow to this size; writes beyond it fail and change nothing. Without it the disk is the bound. */
  readonly mostBytes?: number
}

/**
 * Opens (or makes) the store file for this process alone, and raises its term. Synchronous: for the store's own thread.
 *
 * @throws Fault Machine when it is locked, full, corrupt, not ours or of a newer format
 */
export const openStoreFile = (options: StoreFileOptions): StoreFile => {
  try {
    return open(options)
  } catch (error) {
    throw storeFault(error, options.path)
  }
}

const open = ({ path, now, mostBytes }: StoreFileOptions): StoreFile => {
  const isNew = !existsSync(path) || statSync(path).size === 0
  // Made by us, so that nobody else may read it: SQLite would use the umask.
  if (isNew) closeSync(openSync(path, 'a', 0o600))
  const db = new DatabaseSync(path)
  try {
    prepare(db, path, isNew, mostBytes)
    const meta = openMeta(db, path, now)
    return storeFile(db, path, meta)
  } catch (error) {
    db.close()
    throw error
  }
}

const prepare = (db: DatabaseSync, path: string, isNew: boolean, mostBytes: number | undefined): void => {
  db.exec('PRAGMA busy_timeout = 1000')
  // The kernel's lock is ours until this process ends, however it ends; it also spares the shared-memory file.
  db.exec('PRAGMA locking_mode = EXCLUSIVE')
  if (isNew) db.exec(`PRAGMA page_size = 8192; PRAGMA application_id = ${applicationId}`)
  else if (pragma(db, 'application_id') !== applicationId) {
    throw new Fault('Machine', `${path} is not a store of Dunlin: name another file, or restore a backup into it`, {
      path,
    })
  }
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000')
  if (mostBytes !== undefined) db.exec(`PRAGMA max_page_count = ${Math.floor(mostBytes / 8192)}`)
  if (!isNew && statSync(path).size <= mostCheckedBytes) {
    const found = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
    if (found !== 'ok') {
      const what = `the store ${path} is corrupt (${String(found)}): keep a copy of the file and restore the newest backup`
      throw new Fault('Machine', what, { path, found })
    }
  }
  db.exec(`BEGIN IMMEDIATE; ${schema} COMMIT`)
}

const pragma = (db: DatabaseSync, name: string): number => Number(db.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0)

interface Meta {
  readonly incarnation: number
  readonly term: number
  readonly compacted: number
}

const openMeta = (db: DatabaseSync, path: string, now: number): Meta => {
  const read = db.prepare('SELECT value FROM meta WHERE name = ?')
  const write = db.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)')
  const value = (name: string): number | undefined => {
    const found = read.get(name)?.['value']
    return found === undefined ? undefined : Number(found)
  }
  const found = value('format') ?? format
  if (found > format) {
    const what = `the store ${path} has format ${found}, this hub reads up to ${format}: start the newer hub again`
    throw new Fault('Machine', what, { path, found, expected: format })
  }
  // Seconds since 1970: greater than that of any store that this one may replace.
  const incarnation = value('incarnation') ?? Math.max(1, Math.floor(now / 1000))
  const term = (value('term') ?? 0) + 1
  const compacted = value('compacted') ?? 0
  db.exec('BEGIN IMMEDIATE')
  for (const [name, number] of Object.entries({ format, incarnation, term, compacted })) write.run(name, number)
  db.exec('COMMIT')
  return { incarnation, term, compacted }
}

const storeFile = (db: DatabaseSync, path: string, meta: Meta): StoreFile => {
  const sql = statements(db)
  const newest = Number(db.prepare('SELECT max(id) AS id FROM log').get()?.['id'] ?? 0)
  const counted = Number(db.prepare("SELECT value FROM meta WHERE name = 'revision'").get()?.['value'] ?? 0)
  let revision = Math.max(revisionOf(newest), counted, meta.compacted)
  let compacted = meta.compacted

  const apply = (transaction: Transaction): CommitResult => {
    /** What a comparison has read, its write need not read again. */
    const read = new Map<string, ReturnType<typeof sql.kv.get>>()
    for (const { key, modRevision } of transaction.compare) {
      const now = sql.kv.get(key)
      read.set(key, now)
      if ((now === undefined ? 0 : revisionOf(Number(now['id']))) !== modRevision) {
        return { committed: false, revision, events: [] }
      }
    }
    const next = revision + 1
    const events: StoreEvent[] = []
    for (const operation of transaction.operations) {
      const id = next * mostOperations + events.length
      const now = read.has(operation.key) ? read.get(operation.key) : sql.kv.get(operation.key)
      if (operation.operation === 'put') {
        const created = now === undefined ? next : Number(now['created'])
        const version = now === undefined ? 1 : Number(now['version']) + 1
        sql.log.run(id, operation.key, created, version, Number(now?.['id'] ?? 0), operation.value)
        sql.put.run(operation.key, id, created, version)
        events.push({ type: 'put', key: operation.key, revision: next, value: operation.value })
      } else if (now !== undefined) {
        const last = sql.row.get(Number(now['id']))
        sql.log.run(id, operation.key, 0, 0, Number(now['id']), null)
        sql.delete.run(operation.key)
        events.push({ type: 'delete', key: operation.key, revision: next, value: bytes(last?.['value']) })
      }
    }
    if (events.length > 0) revision = next
    return { committed: true, revision, events }
  }

  /** What was there at `at`: of a key that has changed since, the row that its first change replaced. */
  const rangeAt = (prefix: string, at: number, options: RangeOptions): RangeResult => {
    if (at < compacted) throw expired(at, compacted)
    const ids = new Map<string, number>()
    for (const row of sql.keys.iterate(prefix, end(prefix))) ids.set(String(row['key']), Number(row['id']))
    for (const row of sql.firstChanges.iterate((at + 1) * mostOperations, prefix, end(prefix))) {
      ids.set(String(row['key']), Number(row['previous']))
    }
    const all = [...ids]
      .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([, id]) => sql.row.get(id))
      .filter(row => row !== undefined)
      .map(entry)
    const rest = options.after === undefined ? all : all.filter(one => one.key > (options.after ?? ''))
    const entries = options.limit === undefined ? rest : rest.slice(0, options.limit)
    return { revision: at, entries, more: entries.length < rest.length, count: all.length }
  }

  return {
    incarnation: meta.incarnation,
    term: meta.term,
    get revision() {
      return revision
    },
    get compacted() {
      return compacted
    },
    transact(transactions) {
      const before = revision
      try {
        sql.begin.run()
        const results = transactions.map(apply)
        sql.commit.run()
        return results
      } catch (error) {
        revision = before
        if (db.isTransaction) sql.rollback.run()
        throw storeFault(error, path)
      }
    },
    get(key) {
      const found = sql.get.get(key)
      return found === undefined ? undefined : entry(found)
    },
    range(prefix, options) {
      if (options.revision !== undefined && options.revision < revision)
        return rangeAt(prefix, options.revision, options)
      const limit = options.limit ?? -1
      const rows = sql.range.all(prefix, end(prefix), options.after ?? '', limit < 0 ? -1 : limit + 1)
      const more = limit >= 0 && rows.length > limit
      const count = Number(sql.count.get(prefix, end(prefix))?.['count'] ?? 0)
      return { revision, entries: (more ? rows.slice(0, limit) : rows).map(entry), more, count }
    },
    eventsAfter(after, limit) {
      if (after < compacted) throw expired(after, compacted)
      const rows = sql.eventsAfter.all((after + 1) * mostOperations, limit + mostOperations)
      // Only whole revisions: where the page is cut, the last one may be in parts.
      const isCut = rows.length === limit + mostOperations
      const last = isCut ? revisionOf(Number(rows.at(-1)?.['id'])) : Number.POSITIVE_INFINITY
      const events = rows.filter(row => revisionOf(Number(row['id'])) < last).map(event)
      return { events, through: isCut ? last - 1 : revision }
    },
    compactStep(to) {
      const target = Math.min(to, revision)
      if (target <= compacted) return { isDone: true, compacted }
      const from = (compacted + 1) * mostOperations
      const reached = sql.nth.get(from, compactRows)
      const through = reached === undefined ? target : Math.min(target, revisionOf(Number(reached['id'])))
      try {
        sql.begin.run()
        sql.dropSuperseded.run(from, (through + 1) * mostOperations)
        sql.dropTombstones.run(from, (through + 1) * mostOperations)
        sql.meta.run('compacted', through)
        sql.meta.run('revision', revision)
        sql.commit.run()
        compacted = through
      } catch (error) {
        if (db.isTransaction) sql.rollback.run()
        throw storeFault(error, path)
      }
      if (through === target) db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      return { isDone: through === target, compacted }
    },
    async backup(to) {
      try {
        await copyDatabase(db, to)
      } catch (error) {
        throw storeFault(error, to)
      }
    },
    close() {
      db.close()
    },
  }
}
