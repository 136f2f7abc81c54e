import { describeError, Fault } from '../../api/fault.ts'
import type { Kind } from '../../api/kind.ts'
import type { KubeObject, ObjectKey } from '../../api/types.ts'
import type { Log } from '../../lib/log.ts'
import type { DeleteOptions, Objects, WriteOptions } from '../objects.ts'
import type { Admission, AtRest } from '../ports.ts'
import { objectCache } from './object-cache.ts'
import { objectCodec } from './object-codec.ts'
import { feedObjects } from './object-feed.ts'
import { type ObjectHistory, objectHistory } from './object-history.ts'
import { keyOf } from './object-names.ts'
import { type Commit, objectWriter } from './object-writer.ts'
import type { Store } from './store.ts'
import { storeCommits } from './store-commits.ts'

export interface ObjectsOptions {
  readonly store: Store
  readonly kinds: readonly Kind[]
  readonly admission: Admission
  readonly atRest: AtRest
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly newUid: () => string
  /** 0 up to 1, for generated names. */
  readonly random: () => number
  readonly log: Log
}

/** The hub's objects as REST sees them: with watches, dry-run and what became of a deletion. */
export interface HubObjects extends Objects {
  readonly kinds: readonly Kind[]
  /** How many there are of a kind. */
  count(kind: string): number
  /** The past and the future of a kind's objects: kinds in memory have revisions of their own. */
  history(kind: string): ObjectHistory
  /** @throws Fault NotFound | Conflict */
  remove(
    kind: string,
    key: ObjectKey,
    options?: DeleteOptions,
  ): Promise<{ readonly object: KubeObject; readonly isGone: boolean }>
  close(): Promise<void>
}

/**
 * Opens the objects on a store: a cache of everything in memory, fed by one watch, and one way to write.
 * Writes resolve when they are durable and the cache has them.
 *
 * @example const objects = openObjects({ store, kinds: allKinds, admission, atRest, now: Date.now, … })
 */
export const openObjects = (of: ObjectsOptions): HubObjects => {
  const stop = new AbortController()
  const kinds = new Map(of.kinds.map(kind => [kind.kind, kind]))
  const codec = objectCodec(of.atRest)
  const cache = objectCache(of.kinds)
  const stored = objectHistory(0)
  // Kinds in memory start anew with the hub, above every revision that they had before.
  const inMemory = objectHistory(of.store.term * 1_000_000_000)
  const feed = feedObjects({ ...of, codec, cache, history: stored, signal: stop.signal })
  const historyOf = (kind: Kind): ObjectHistory => (kind.storage === 'memory' ? inMemory : stored)

  const kindNamed = (name: string): Kind => {
    const kind = kinds.get(name)
    if (kind === undefined) throw new Fault('NotFound', `there is no kind ${name}`)
    return kind
  }

  const commitInMemory: Commit = async ({ kind, key, before, next }) => {
    const now = cache.get(kind.kind, key)
    if (now?.metadata.resourceVersion !== before?.metadata.resourceVersion) return undefined
    const revision = inMemory.revision + 1
    const last = next ?? before
    if (last === undefined) return undefined
    const object = { ...last, metadata: { ...last.metadata, resourceVersion: String(revision) } }
    cache.set(kind.kind, key, next === undefined ? undefined : object)
    const type = next === undefined ? 'DELETED' : before === undefined ? 'ADDED' : 'MODIFIED'
    inMemory.tell({ type, kind, revision, object, before: now, lines: new Map() })
    return object
  }
  const commitInStore = storeCommits({ store: of.store, codec, reached: feed.reached })

  const objects: HubObjects = {
    kinds: of.kinds,
    synced: feed.synced,
    get revision() {
      return stored.revision
    },
    get: <T extends KubeObject>(kind: string, key: ObjectKey) => cache.get(kindNamed(kind).kind, key) as T | undefined,
    list: <T extends KubeObject>(kind: string, where: { readonly namespace?: string } = {}) =>
      cache.list(kindNamed(kind).kind, where.namespace) as readonly T[],
    count: kind => cache.count(kindNamed(kind).kind),
    snapshot: () => ({ revision: stored.revision }),
    history: kind => historyOf(kindNamed(kind)),
    onChange<T extends KubeObject>(
      kind: string,
      changed: (key: ObjectKey, now: T | undefined, before: T | undefined) => void,
    ) {
      const wanted = kindNamed(kind)
      return historyOf(wanted).listen(event => {
        if (event.kind !== wanted) return
        const now = event.type === 'DELETED' ? undefined : (event.object as T)
        try {
          changed(keyOf(event.object), now, event.before as T | undefined)
        } catch (error) {
          // One listener's mistake must not keep the change from the others.
          of.log.error('a listener to changes failed', { kind, error: describeError(error) })
        }
      })
    },
    async create<T extends KubeObject>(kind: string, object: T, by?: WriteOptions) {
      await feed.synced()
      return (await writer.create(kindNamed(kind), object, by ?? {})) as T
    },
    async update<T extends KubeObject>(kind: string, object: T, by?: WriteOptions & { readonly subresource?: string }) {
      await feed.synced()
      return (await writer.update(kindNamed(kind), object, by ?? {})) as T
    },
    async modify<T extends KubeObject>(
      kind: string,
      key: ObjectKey,
      change: (now: T) => T | undefined,
      by?: WriteOptions & { readonly subresource?: string },
    ) {
      await feed.synced()
      return (await writer.modify(kindNamed(kind), key, now => change(now as T), by ?? {})) as T | undefined
    },
    async delete(kind, key, options) {
      await feed.synced()
      return (await writer.remove(kindNamed(kind), key, options ?? {}))?.object
    },
    async remove(kind, key, options) {
      await feed.synced()
      const removed = await writer.remove(kindNamed(kind), key, options ?? {})
      if (removed === undefined) throw writer.notFound(kindNamed(kind), key)
      return removed
    },
    removeFinally: (kind, key, uid) => writer.removeFinally(kindNamed(kind), key, uid),
    touch<T extends KubeObject>(kind: string, key: ObjectKey, change: (now: T) => T) {
      const wanted = kindNamed(kind)
      const before = cache.get(kind, key)
      if (before === undefined) return
      const object = change(before as T)
      cache.set(kind, key, object)
      const history = historyOf(wanted)
      const event = { type: 'MODIFIED' as const, kind: wanted, revision: 0, object, before, lines: new Map() }
      history.tell(event, false)
    },
    async close() {
      stop.abort()
      await feed.ended
    },
  }
  const writer = objectWriter({
    ...of,
    objects,
    commit: change => (change.kind.storage === 'memory' ? commitInMemory(change) : commitInStore(change)),
  })
  return objects
}
