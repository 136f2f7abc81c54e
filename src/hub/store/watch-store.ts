import type { LiveTail } from './live-tail.ts'
import type { StoreEvent } from './store.ts'
import { expired } from './store-fault.ts'

/**
 * One watch: from the tail in memory where that reaches back far enough, else from the log, page by page. It holds a
 * position and no queue: a slow reader falls back on the log and costs nobody anything.
 *
 * @throws Fault Expired when `fromRevision` is compacted
 */
export async function* watchStore(of: {
  readonly prefix: string
  readonly fromRevision: number
  readonly signal: AbortSignal
  readonly tail: LiveTail
  /** The revision up to which superseded values are forgotten. */
  readonly compacted: () => number
  /** Events of the log after a revision, whole revisions, and through which revision that is. */
  readonly page: (after: number) => Promise<{ readonly events: readonly StoreEvent[]; readonly through: number }>
}): AsyncIterable<readonly StoreEvent[]> {
  let position = of.fromRevision
  if (position < of.compacted()) throw expired(position, of.compacted())
  while (!of.signal.aborted && !of.tail.isClosed) {
    const commits = of.tail.after(position)
    const { events, through } =
      commits === undefined
        ? await of.page(position)
        : { events: commits.flatMap(one => one.events), through: commits.at(-1)?.revision ?? position }
    position = through
    const wanted = events.filter(one => one.key.startsWith(of.prefix))
    if (wanted.length > 0) yield wanted
    else await of.tail.changed(position, of.signal)
  }
}
