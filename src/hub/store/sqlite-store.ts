import { Worker } from 'node:worker_threads'
import { Fault } from '../../api/fault.ts'
import { keepOlder } from './keep-older.ts'
import { liveTail } from './live-tail.ts'
import type { Answer, Ask, Asked, Opened } from './sqlite-worker.ts'
import type { RangeResult, Store, StoreEntry, StoreEvent } from './store.ts'
import { faultOf } from './store-fault.ts'
import type { CommitResult, StoreFileOptions } from './store-file.ts'
import { takeStoreLock } from './store-lock.ts'
import { mostOperations } from './store-sql.ts'
import { watchStore } from './watch-store.ts'

/** Asks under way at most; above it writers are told to come again, so that a stuck disk does not fill the memory. */
const mostPending = 20_000

export interface SqliteStoreOptions extends StoreFileOptions {
  /** The store's thread has ended by itself: nothing can be read or written any more, and the process should end. */
  readonly onFailure?: (fault: Fault) => void
}

/**
 * The default store: one SQLite file, in a thread of its own so that a slow disk never holds up the hub's other work.
 * A transaction is durable (fsync) when it resolves; many at once share one fsync.
 *
 * @throws Fault Machine when the file is locked, full, corrupt, not ours or of a newer format; it says what to do
 * @example const store = await openSqliteStore({ path: '/var/lib/dunlin/hub/hub.db', now: Date.now() })
 */
export const openSqliteStore = async (options: SqliteStoreOptions): Promise<Store> => {
  const unlock = await takeStoreLock(`${options.path}.lock`)
  try {
    await keepOlder(options)
    return await open(options, unlock)
  } catch (error) {
    await unlock()
    throw error
  }
}

const open = async (options: SqliteStoreOptions, unlock: () => Promise<void>): Promise<Store> => {
  const { ask, opened, ended } = startThread(options)
  let isClosing = false
  const { incarnation, term, revision, compacted } = await opened
  let oldest = compacted
  const tail = liveTail(revision)
  void ended.then(fault => {
    tail.close()
    if (!isClosing) options.onFailure?.(fault)
  })

  return {
    incarnation,
    term,
    async revision() {
      return tail.revision
    },
    get: key => ask<StoreEntry | undefined>({ ask: 'get', key }),
    range: (prefix, options = {}) => ask<RangeResult>({ ask: 'range', prefix, options }),
    async transact(transaction) {
      checkTransaction(transaction.operations.map(one => one.key))
      const values = new Map(
        transaction.operations.map(one => [one.key, one.operation === 'put' ? one.value : undefined]),
      )
      const result = await ask<CommitResult>({ ask: 'transact', transaction }, ({ revision, events }) => {
        if (events.length > 0)
          tail.push(
            revision,
            events.map(one => ({ ...one, value: values.get(one.key) ?? one.value })),
          )
      })
      return { committed: result.committed, revision: result.revision }
    },
    watch: (prefix, fromRevision, signal) =>
      watchStore({
        prefix,
        fromRevision,
        signal,
        tail,
        compacted: () => oldest,
        page: after =>
          ask<{ readonly events: readonly StoreEvent[]; readonly through: number }>({
            ask: 'events',
            after,
            limit: 500,
          }),
      }),
    async compact(revision) {
      for (let isDone = false; !isDone; ) {
        const step = await ask<{ readonly isDone: boolean; readonly compacted: number }>({ ask: 'compact', revision })
        isDone = step.isDone
        oldest = step.compacted
      }
    },
    backup: path => ask<void>({ ask: 'backup', path }),
    async close() {
      isClosing = true
      tail.close()
      try {
        await ask<void>({ ask: 'close' })
        await ended
      } finally {
        await unlock()
      }
    },
  }
}

/** @throws Fault BadRequest for a transaction that no store can commit */
export const checkTransaction = (keys: readonly string[]): void => {
  if (keys.length > mostOperations) {
    throw new Fault('BadRequest', `a transaction has ${keys.length} operations, at most ${mostOperations} are possible`)
  }
  if (new Set(keys).size < keys.length) throw new Fault('BadRequest', 'a transaction writes one key twice')
}

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (fault: Fault) => void
}

const startThread = ({ onFailure: _, ...options }: SqliteStoreOptions) => {
  const file = import.meta.url.endsWith('.ts') ? './sqlite-worker.ts' : './sqlite-worker.js'
  const worker = new Worker(new URL(file, import.meta.url), {
    workerData: options,
    // Loaders and the like that the process was started with are not the store's.
    execArgv: [],
  })
  const pending = new Map<number, Waiting>()
  let last = 0
  let gone: Fault | undefined

  const opened = new Promise<unknown>((resolve, reject) => pending.set(0, { resolve, reject }))
  const { promise: ended, resolve: end } = Promise.withResolvers<Fault>()

  const leave = (fault: Fault): void => {
    gone ??= fault
    for (const one of pending.values()) one.reject(gone)
    pending.clear()
    end(gone)
  }
  worker.on('message', (answers: readonly Answer[]) => {
    for (const answer of answers) {
      const waiting = pending.get(answer.id)
      pending.delete(answer.id)
      if ('fault' in answer) waiting?.reject(faultOf(answer.fault))
      else waiting?.resolve(answer.value)
    }
  })
  /** A message costs more than what is in it: all that is asked in one go is one. */
  let asks: Asked[] = []
  const send = (): void => {
    const all = asks
    asks = []
    worker.postMessage(all)
  }
  worker.on('error', error => leave(new Fault('Machine', `the store's thread failed: restart the hub`, {}, error)))
  worker.on('exit', () => leave(new Fault('Unavailable', 'the store is closed')))

  return {
    opened: opened as Promise<Opened>,
    ended,
    ask<T>(ask: Ask, first?: (value: T) => void): Promise<T> {
      if (gone !== undefined) return Promise.reject(gone)
      if (pending.size >= mostPending) {
        return Promise.reject(
          new Fault('Unavailable', `the store has ${pending.size} requests waiting: try again later`),
        )
      }
      last += 1
      const id = last
      return new Promise<T>((resolve, reject) => {
        const resolved = (value: unknown): void => {
          // The thread answers in the order of commits: whoever watches must see them in that order too.
          first?.(value as T)
          resolve(value as T)
        }
        pending.set(id, { resolve: resolved, reject })
        // After everything that the present answers have set going.
        if (asks.length === 0) process.nextTick(send)
        asks.push({ id, ask })
      })
    },
  }
}
