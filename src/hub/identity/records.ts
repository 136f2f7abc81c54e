import { Fault } from '../../api/fault.ts'
import type { Store, StoreOperation } from '../store/store.ts'

/**
 * Small JSON records of the hub itself, under `/dunlin/<what>/<id>` of the store and wholly in memory, so that a
 * connection can be judged without waiting. Only this process writes them.
 */
export interface Records<T> {
  get(id: string): T | undefined
  list(): readonly T[]
  /** A write to be committed; it fails there when the record changes until then. */
  put(id: string, value: T): RecordChange
  remove(id: string): RecordChange
  /** Reads the record again from the store. */
  refresh(id: string): Promise<void>
}

export interface RecordChange {
  readonly compare: { readonly key: string; readonly modRevision: number }
  readonly operation: StoreOperation
  /** Called when it is durable. */
  applied(revision: number): void
  refresh(): Promise<void>
}

const pageSize = 500

/**
 * Loads all records below `prefix`.
 *
 * @param prefix ends with `/`
 * @throws Fault Malformed when a record cannot be parsed
 * @example const tokens = await openRecords(store, '/dunlin/tokens/', parseTokenRecord)
 */
export const openRecords = async <T>(
  store: Store,
  prefix: string,
  parse: (json: unknown) => T,
): Promise<Records<T>> => {
  const held = new Map<string, { readonly value: T; readonly modRevision: number }>()

  const read = (key: string, bytes: Uint8Array): T => {
    try {
      return parse(JSON.parse(Buffer.from(bytes).toString('utf8')))
    } catch (error) {
      throw new Fault('Malformed', `the record ${key} of the hub's store cannot be read`, { key }, error)
    }
  }

  for (let after: string | undefined, isLast = false; !isLast; ) {
    const page = await store.range(prefix, { limit: pageSize, ...(after === undefined ? {} : { after }) })
    for (const entry of page.entries)
      held.set(entry.key.slice(prefix.length), { value: read(entry.key, entry.value), modRevision: entry.modRevision })
    after = page.entries.at(-1)?.key
    isLast = !page.more || after === undefined
  }

  const refresh = async (id: string): Promise<void> => {
    const entry = await store.get(`${prefix}${id}`)
    if (entry === undefined) held.delete(id)
    else held.set(id, { value: read(entry.key, entry.value), modRevision: entry.modRevision })
  }

  const change = (id: string, operation: StoreOperation, applied: (revision: number) => void): RecordChange => ({
    compare: { key: operation.key, modRevision: held.get(id)?.modRevision ?? 0 },
    operation,
    applied,
    refresh: () => refresh(id),
  })

  return {
    get: id => held.get(id)?.value,
    list: () => [...held.values()].map(one => one.value),
    put: (id, value) =>
      change(id, { operation: 'put', key: `${prefix}${id}`, value: Buffer.from(JSON.stringify(value)) }, revision =>
        held.set(id, { value, modRevision: revision }),
      ),
    remove: id => change(id, { operation: 'delete', key: `${prefix}${id}` }, () => held.delete(id)),
    refresh,
  }
}

/**
 * Commits the changes that `decide` gives, all or none. Where another write came between, the records are read again
 * and `decide` is asked once more, up to five times. What `decide` throws goes to the caller.
 */
export const commitRecords = async <R>(
  store: Store,
  decide: () => { readonly changes: readonly RecordChange[]; readonly result: R },
): Promise<R> => {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const { changes, result } = decide()
    if (changes.length === 0) return result
    const done = await store.transact({
      compare: changes.map(one => one.compare),
      operations: changes.map(one => one.operation),
    })
    if (done.committed) {
      for (const one of changes) one.applied(done.revision)
      return result
    }
    for (const one of changes) await one.refresh()
  }
  throw new Fault('Conflict', 'the records of the hub change too fast; try again')
}
