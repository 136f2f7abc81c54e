import { Fault } from '../../src/api/fault.ts'
import { liveTail } from '../../src/hub/store/live-tail.ts'
import type { Store, StoreEntry, StoreEvent } from '../../src/hub/store/store.ts'
import { expired } from '../../src/hub/store/store-fault.ts'
import { watchStore } from '../../src/hub/store/watch-store.ts'

/** A store in memory that keeps the whole contract but durability. */
export const fakeStore = ({ incarnation = 1, term = 1 } = {}): Store => {
  const entries = new Map<string, StoreEntry>()
  let history: { readonly event: StoreEvent; readonly entry: StoreEntry | undefined }[] = []
  let revision = 0
  let compacted = 0
  let isClosed = false
  const tail = liveTail(0)

  const check = (): void => {
    if (isClosed) throw new Fault('Unavailable', 'the store is closed')
  }

  const at = (when: number): Map<string, StoreEntry> => {
    if (when < compacted) throw expired(when, compacted)
    const then = new Map(entries)
    const later = history.filter(one => one.event.revision > when)
    for (const { event } of later) {
      const before = history.findLast(one => one.event.key === event.key && one.event.revision <= when)?.entry
      if (before === undefined) then.delete(event.key)
      else then.set(event.key, before)
    }
    return then
  }

  return {
    incarnation,
    term,
    async revision() {
      return revision
    },
    async get(key) {
      check()
      return entries.get(key)
    },
    async range(prefix, options = {}) {
      check()
      const all = [...(options.revision === undefined ? entries : at(options.revision)).values()]
        .filter(one => one.key.startsWith(prefix))
        .toSorted((a, b) => (a.key < b.key ? -1 : 1))
      const rest = all.filter(one => one.key > (options.after ?? ''))
      const page = rest.slice(0, options.limit)
      return {
        revision: options.revision ?? revision,
        entries: page,
        more: page.length < rest.length,
        count: all.length,
      }
    },
    async transact({ compare, operations }) {
      check()
      const keys = operations.map(one => one.key)
      if (new Set(keys).size < keys.length) throw new Fault('BadRequest', 'a transaction writes one key twice')
      for (const one of compare) {
        if ((entries.get(one.key)?.modRevision ?? 0) !== one.modRevision) return { committed: false, revision }
      }
      const next = revision + 1
      const events: StoreEvent[] = []
      for (const operation of operations) {
        const now = entries.get(operation.key)
        if (operation.operation === 'put') {
          const value = Uint8Array.from(operation.value)
          const { createRevision, version } = now ?? { createRevision: next, version: 0 }
          const entry = { key: operation.key, value, createRevision, modRevision: next, version: version + 1 }
          entries.set(operation.key, entry)
          const event: StoreEvent = { type: 'put', key: operation.key, revision: next, value }
          events.push(event)
          history.push({ event, entry })
        } else if (now !== undefined) {
          entries.delete(operation.key)
          const event: StoreEvent = { type: 'delete', key: operation.key, revision: next, value: now.value }
          events.push(event)
          history.push({ event, entry: undefined })
        }
      }
      if (events.length > 0) {
        revision = next
        tail.push(next, events)
      }
      return { committed: true, revision }
    },
    watch: (prefix, fromRevision, signal) =>
      watchStore({
        prefix,
        fromRevision,
        signal,
        tail,
        compacted: () => compacted,
        page: async after => ({
          events: history.map(one => one.event).filter(one => one.revision > after),
          through: revision,
        }),
      }),
    async compact(to) {
      check()
      compacted = Math.max(compacted, Math.min(to, revision))
      history = history.filter(
        ({ event, entry }) =>
          event.revision > compacted ||
          (entry !== undefined &&
            !history.some(
              other =>
                other.event.key === event.key &&
                other.event.revision > event.revision &&
                other.event.revision <= compacted,
            )),
      )
    },
    async backup() {
      throw new Fault('Machine', 'a store in memory has no file to copy')
    },
    async close() {
      isClosed = true
      tail.close()
    },
  }
}
