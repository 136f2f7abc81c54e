import { setTimeout as sleep } from 'node:timers/promises'
import type { KubeClient } from '../../src/cli/kube-client.ts'
import { at, listAt, textAt } from '../../src/cli/shown.ts'

/** One pod or node as a watcher of the API sees it. */
export interface SeenObject {
  readonly uid: string
  readonly app: string
  readonly isTerminating: boolean
  readonly isReady: boolean
  /** Ready is Unknown. */
  readonly isUnknown: boolean
  /** `Date.now()` at which it was first seen Ready. */
  readonly readyAt: number | undefined
}

/** All objects of a kind, kept up to date by one watch that outlives the hub. */
export interface Watched {
  readonly objects: ReadonlyMap<string, SeenObject>
  count(which: (one: SeenObject) => boolean): number
  close(): void
}

/** @example const pods = watched('/api/v1/pods', () => hub.kube) */
export const watched = (path: string, kube: () => KubeClient): Watched => {
  const objects = new Map<string, SeenObject>()
  const stop = new AbortController()
  let resourceVersion: string | undefined

  const take = (event: unknown): void => {
    const object = at(event, 'object')
    const type = textAt(event, 'type')
    if (type === 'ERROR') {
      resourceVersion = undefined
      throw new Error(JSON.stringify(object))
    }
    resourceVersion = textAt(object, 'metadata', 'resourceVersion')
    if (type === 'BOOKMARK') return
    const uid = textAt(object, 'metadata', 'uid') ?? ''
    if (type === 'DELETED') objects.delete(uid)
    else objects.set(uid, seen(uid, object, objects.get(uid)))
  }

  const follow = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      try {
        const query = resourceVersion === undefined ? {} : { resourceVersion }
        const events = kube().watch(path, { query: { ...query, allowWatchBookmarks: true }, signal: stop.signal })
        for await (const event of events) take(event)
      } catch {
        // The hub is away or has forgotten this revision: the watch begins anew.
      }
      if (!stop.signal.aborted) await sleep(250)
    }
  }
  void follow()

  return {
    objects,
    count: which => [...objects.values()].filter(which).length,
    close: () => stop.abort(),
  }
}

const seen = (uid: string, object: unknown, before: SeenObject | undefined): SeenObject => {
  const ready = listAt(object, 'status', 'conditions').find(one => at(one, 'type') === 'Ready')
  const isReady = at(ready, 'status') === 'True'
  return {
    uid,
    app: textAt(object, 'metadata', 'labels', 'app') ?? '',
    isTerminating: textAt(object, 'metadata', 'deletionTimestamp') !== undefined,
    isReady,
    isUnknown: at(ready, 'status') === 'Unknown',
    readyAt: before?.readyAt ?? (isReady ? Date.now() : undefined),
  }
}
