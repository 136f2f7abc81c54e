import type { Kind } from '../../api/kind.ts'
import type { KubeObject } from '../../api/types.ts'

/** One change of one object, as watches tell it. */
export interface ObjectEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly kind: Kind
  readonly revision: number
  /** For DELETED: the last state, with the revision of the deletion as its resource version. */
  readonly object: KubeObject
  readonly before: KubeObject | undefined
  /** The event's bytes, once per representation, shared by all watchers. */
  readonly lines: Map<string, Uint8Array>
}

/** The events of the recent past, and those who listen for more. */
export interface ObjectHistory {
  /** Everything up to it has been told. */
  readonly revision: number
  /** Events after `revision`, or undefined where they are no longer kept. */
  after(revision: number): readonly ObjectEvent[] | undefined
  listen(listener: (event: ObjectEvent) => void): () => void
  /** Tells an event. `isKept: false`: only to those who listen now (heartbeats). */
  tell(event: ObjectEvent, isKept?: boolean): void
  /** Nothing happened up to this revision but what was told. */
  advance(revision: number): void
  /** What was before this revision is not known (a new list was made): who was there must list again, too. */
  restart(revision: number): void
}

/** The newest events keep their bytes for those who are about to read them; for older ones they are made again. */
const mostWithLines = 256

/** Keeps `most` events or up to twice as many; whoever asks for older ones must list again (410). */
export const objectHistory = (start: number, most = 2048): ObjectHistory => {
  let kept: ObjectEvent[] = []
  let oldest = start
  let revision = start
  const listeners = new Set<(event: ObjectEvent) => void>()
  return {
    get revision() {
      return revision
    },
    after(from) {
      if (from < oldest) return undefined
      let first = kept.length
      while (first > 0 && (kept[first - 1]?.revision ?? 0) > from) first -= 1
      return kept.slice(first)
    },
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    tell(event, isKept = true) {
      if (isKept) {
        kept.push(event)
        kept.at(-1 - mostWithLines)?.lines.clear()
        if (kept.length > most * 2) {
          kept = kept.slice(-most)
          // Of the revision that the cut went through, nothing may be promised.
          oldest = kept[0]?.revision ?? oldest
        }
      }
      revision = Math.max(revision, event.revision)
      for (const listener of [...listeners]) listener(event)
    },
    advance(to) {
      revision = Math.max(revision, to)
    },
    restart(at) {
      kept = []
      oldest = at
      revision = Math.max(revision, at)
    },
  }
}
