import { describeError } from '../../api/fault.ts'
import type { Kind } from '../../api/kind.ts'
import type { KubeObject } from '../../api/types.ts'
import type { Log } from '../../lib/log.ts'
import type { ObjectCache } from './object-cache.ts'
import type { ObjectCodec } from './object-codec.ts'
import type { ObjectEvent, ObjectHistory } from './object-history.ts'
import { keyOf, storePrefix } from './object-names.ts'
import type { Store, StoreEvent } from './store.ts'

/*
 *   list everything ──> compare with the cache ──> watch from there ──> tell each event ──┐
 *         ^                                                                               │
 *         └────────── the watch failed: wait a second <───────────────────────────────────┘
 */

export interface ObjectFeed {
  /** Resolves when the cache has all of a first snapshot. */
  synced(): Promise<void>
  /** Resolves when the cache has everything up to `revision`. */
  reached(revision: number): Promise<void>
  /** Resolves when the loop has ended. */
  readonly ended: Promise<void>
}

/** Superseded values are forgotten when this many revisions have come since the last time; half of them are kept. */
const compactEvery = 10_000

/** Keeps the cache equal to the store, and tells every change to the history. One loop, until the signal aborts. */
export const feedObjects = (of: {
  readonly store: Store
  readonly kinds: readonly Kind[]
  readonly codec: ObjectCodec
  readonly cache: ObjectCache
  readonly history: ObjectHistory
  readonly log: Log
  readonly signal: AbortSignal
}): ObjectFeed => {
  const byPrefix = new Map(of.kinds.filter(kind => kind.storage === 'store').map(kind => [storePrefix(kind), kind]))
  const first = Promise.withResolvers<void>()
  const waiting: { readonly revision: number; readonly resolve: () => void }[] = []
  let compacted = 0
  let compacting: Promise<void> | undefined

  const kindOfKey = (key: string): Kind | undefined => byPrefix.get(key.split('/', 3).join('/').concat('/'))

  /** A list tells what is, not in which order it came: nobody can resume inside it. */
  let isListing = false

  const tell = (event: ObjectEvent): void => {
    of.cache.set(event.kind.kind, keyOf(event.object), event.type === 'DELETED' ? undefined : event.object)
    of.history.tell(event, !isListing)
  }

  const put = (kind: Kind, object: KubeObject, revision: number): void => {
    const before = of.cache.get(kind.kind, keyOf(object))
    const type = before === undefined ? 'ADDED' : 'MODIFIED'
    tell({ type, kind, revision, object, before, lines: new Map() })
  }

  const remove = (kind: Kind, last: KubeObject, revision: number): void => {
    const object = { ...last, metadata: { ...last.metadata, resourceVersion: String(revision) } }
    tell({ type: 'DELETED', kind, revision, object, before: last, lines: new Map() })
  }

  const apply = (event: StoreEvent): void => {
    const kind = kindOfKey(event.key)
    // A newer hub may have stored kinds that this one does not know: they stay where they are.
    if (kind === undefined) return
    try {
      const object = of.codec.decode(event.key, event.value, event.revision)
      if (event.type === 'put') put(kind, object, event.revision)
      else remove(kind, of.cache.get(kind.kind, keyOf(object)) ?? object, event.revision)
    } catch (error) {
      // One unreadable object must not keep the others from being served.
      of.log.error('an object in the store cannot be read', { key: event.key, error: describeError(error) })
    }
  }

  const list = async (): Promise<number> => {
    const seen = new Set<string>()
    let revision: number | undefined
    for (let after = '', more = true; more; ) {
      const page = await of.store.range('/', { limit: 1000, after })
      revision ??= page.revision
      for (const { key, value, modRevision } of page.entries) {
        seen.add(key)
        after = key
        const kind = kindOfKey(key)
        const [, , , namespace = '', name = ''] = key.split('/')
        const cached = kind === undefined ? undefined : of.cache.get(kind.kind, { namespace, name })
        if (Number(cached?.metadata.resourceVersion ?? 0) < modRevision) {
          apply({ type: 'put', key, value, revision: modRevision })
        }
      }
      more = page.more
    }
    for (const kind of byPrefix.values()) {
      for (const object of of.cache.list(kind.kind)) {
        const { namespace, name } = keyOf(object)
        if (!seen.has(`${storePrefix(kind)}${namespace}/${name}`)) remove(kind, object, revision ?? 0)
      }
    }
    return revision ?? 0
  }

  const advance = (revision: number): void => {
    of.history.advance(revision)
    while (waiting.length > 0 && (waiting[0]?.revision ?? 0) <= of.history.revision) waiting.shift()?.resolve()
  }

  /** On the side: nobody waits for it. At a start it is asked for once, too, so that short lives do not add up. */
  const compact = (revision: number): void => {
    if (compacting !== undefined || revision - compacted < compactEvery) return
    compacted = revision - compactEvery / 2
    compacting = of.store
      .compact(compacted)
      .catch(error => of.log.warn('old revisions could not be forgotten', { error: describeError(error) }))
      .finally(() => {
        compacting = undefined
      })
  }

  const follow = async (): Promise<void> => {
    isListing = true
    const start = await list()
    isListing = false
    of.history.restart(start)
    advance(start)
    first.resolve()
    for await (const events of of.store.watch('/', start, of.signal)) {
      for (const event of events) {
        apply(event)
        // Those who wait for a revision want all of it: the last event of it is in when the next one begins.
        if (event.revision > of.history.revision) of.history.advance(event.revision)
      }
      advance(events.at(-1)?.revision ?? 0)
      compact(of.history.revision)
    }
  }

  const run = async (): Promise<void> => {
    while (!of.signal.aborted) {
      try {
        await follow()
        return
      } catch (error) {
        if (of.signal.aborted) return
        of.log.error('following the store failed, it is listed again', { error: describeError(error) })
        await new Promise(resolve => setTimeout(resolve, 1000))
      }
    }
  }

  const finish = async (): Promise<void> => {
    await run()
    await compacting
    for (const one of waiting.splice(0)) one.resolve()
  }

  const ended = finish()
  return {
    ended,
    synced: () => first.promise,
    reached(revision) {
      if (of.history.revision >= revision || of.signal.aborted) return Promise.resolve()
      return new Promise(resolve => {
        const at = waiting.findLastIndex(one => one.revision <= revision) + 1
        waiting.splice(at, 0, { revision, resolve })
      })
    },
  }
}
