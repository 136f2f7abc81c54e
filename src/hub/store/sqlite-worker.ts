import { parentPort, workerData } from 'node:worker_threads'
import type { RangeOptions, Transaction } from './store.ts'
import { type PlainFault, plainFault, storeFault } from './store-fault.ts'
import { openStoreFile, type StoreFileOptions } from './store-file.ts'

/*
 *   main thread ── Ask ──> transactions wait ── end of this turn of the loop ──> one commit, one fsync ── Answer ──>
 *                          reads are answered at once, after the transactions asked for before them
 */

/** What the main thread asks of the store's thread. */
export type Ask =
  | { readonly ask: 'transact'; readonly transaction: Transaction }
  | { readonly ask: 'get'; readonly key: string }
  | { readonly ask: 'range'; readonly prefix: string; readonly options: RangeOptions }
  | { readonly ask: 'events'; readonly after: number; readonly limit: number }
  | { readonly ask: 'compact'; readonly revision: number }
  | { readonly ask: 'backup'; readonly path: string }
  | { readonly ask: 'close' }

export interface Asked {
  readonly id: number
  readonly ask: Ask
}

export type Answer = { readonly id: number } & ({ readonly value: unknown } | { readonly fault: PlainFault })

export interface Opened {
  readonly incarnation: number
  readonly term: number
  readonly revision: number
  readonly compacted: number
}

/** Transactions in one commit: bounds how long the first of them waits, and what one failure takes with it. */
const mostInCommit = 1000

const serve = (port: NonNullable<typeof parentPort>, options: StoreFileOptions): void => {
  const file = openStoreFile(options)
  let waiting: { readonly id: number; readonly transaction: Transaction }[] = []
  let isPlanned = false

  const post = (answers: readonly Answer[]): void => port.postMessage(answers)
  const failed = (id: number, error: unknown): Answer => ({
    id,
    fault: plainFault(storeFault(error, options.path)),
  })

  const commit = (): void => {
    isPlanned = false
    while (waiting.length > 0) {
      const batch = waiting.slice(0, mostInCommit)
      waiting = waiting.slice(mostInCommit)
      commitBatch(batch)
    }
  }

  const commitBatch = (batch: typeof waiting): void => {
    try {
      const results = file.transact(batch.map(one => one.transaction))
      post(
        batch.map((one, index) => {
          const result = results[index]
          // Who asked has the values of its puts.
          const events = result?.events.map(event => (event.type === 'put' ? { ...event, value: undefined } : event))
          return { id: one.id, value: { ...result, events } }
        }),
      )
    } catch (error) {
      // One that is too large for the disk must not take its neighbours with it.
      if (batch.length === 1 && batch[0] !== undefined) post([failed(batch[0].id, error)])
      else for (const one of batch) commitBatch([one])
    }
  }

  const act = async (ask: Exclude<Ask, { ask: 'transact' }>): Promise<unknown> => {
    switch (ask.ask) {
      case 'get':
        return file.get(ask.key)
      case 'range':
        return file.range(ask.prefix, ask.options)
      case 'events':
        return file.eventsAfter(ask.after, ask.limit)
      case 'compact':
        return file.compactStep(ask.revision)
      case 'backup':
        return await file.backup(ask.path)
      case 'close':
        return file.close()
    }
  }

  const take = async ({ id, ask }: Asked): Promise<void> => {
    if (ask.ask === 'transact') {
      waiting.push({ id, transaction: ask.transaction })
      if (!isPlanned) setImmediate(commit)
      isPlanned = true
      return
    }
    try {
      commit()
      post([{ id, value: await act(ask) }])
      if (ask.ask === 'close') port.close()
    } catch (error) {
      post([failed(id, error)])
    }
  }

  // A backup takes its time; nobody waits for it, and its answer comes when it is done.
  port.on('message', (asked: readonly Asked[]) => Promise.all(asked.map(take)))
  const { incarnation, term, revision, compacted } = file
  post([{ id: 0, value: { incarnation, term, revision, compacted } satisfies Opened }])
}

if (parentPort !== null) {
  try {
    serve(parentPort, workerData as StoreFileOptions)
  } catch (error) {
    const fault = plainFault(storeFault(error, (workerData as StoreFileOptions).path))
    parentPort.postMessage([{ id: 0, fault } satisfies Answer])
    parentPort.close()
  }
}
