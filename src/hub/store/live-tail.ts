import type { StoreEvent } from './store.ts'

interface Commit {
  readonly revision: number
  readonly events: readonly StoreEvent[]
  readonly bytes: number
}

/** The newest commits in memory, for those who watch. */
export interface LiveTail {
  readonly revision: number
  push(revision: number, events: readonly StoreEvent[]): void
  /** Commits after `revision`, or undefined when the oldest of them has left the tail. */
  after(revision: number): readonly Commit[] | undefined
  /** Resolves when there is a commit after `revision`, or the signal aborts, or the tail is closed. */
  changed(revision: number, signal: AbortSignal): Promise<void>
  close(): void
  readonly isClosed: boolean
}

/**
 * Keeps commits up to `mostEvents` and `mostBytes`; at the bound the oldest go, and who still needs them reads the log.
 * Revisions come in order and without gaps.
 */
export const liveTail = (
  start: number,
  {
    mostEvents = 4096,
    mostBytes = 8 * 1024 * 1024,
  }: { readonly mostEvents?: number; readonly mostBytes?: number } = {},
): LiveTail => {
  let commits: Commit[] = []
  let first = 0
  let events = 0
  let bytes = 0
  let revision = start
  let isClosed = false
  let sleepers = new Set<() => void>()

  const wake = (): void => {
    const all = sleepers
    sleepers = new Set()
    for (const one of all) one()
  }

  const drop = (): void => {
    while (first < commits.length - 1 && (events > mostEvents || bytes > mostBytes)) {
      events -= commits[first]?.events.length ?? 0
      bytes -= commits[first]?.bytes ?? 0
      first += 1
    }
    if (first > 1024) {
      commits = commits.slice(first)
      first = 0
    }
  }

  return {
    get revision() {
      return revision
    },
    get isClosed() {
      return isClosed
    },
    push(at, of) {
      if (at <= revision) return
      const size = of.reduce((sum, one) => sum + one.value.byteLength + one.key.length, 0)
      commits.push({ revision: at, events: of, bytes: size })
      revision = at
      events += of.length
      bytes += size
      drop()
      wake()
    },
    after(from) {
      if (from >= revision) return []
      const oldest = commits[first]
      if (oldest === undefined || oldest.revision > from + 1) return undefined
      return commits.slice(first + (from + 1 - oldest.revision))
    },
    changed(from, signal) {
      if (isClosed || signal.aborted || revision > from) return Promise.resolve()
      return new Promise(resolve => {
        const done = (): void => {
          signal.removeEventListener('abort', done)
          sleepers.delete(done)
          resolve()
        }
        signal.addEventListener('abort', done)
        sleepers.add(done)
      })
    },
    close() {
      isClosed = true
      wake()
    },
  }
}
