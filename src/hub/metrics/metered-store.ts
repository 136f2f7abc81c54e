import { stat } from 'node:fs/promises'
import type { Clock } from '../../lib/clock.ts'
import type { Store } from '../store/store.ts'
import type { HubMeter } from './hub-metrics.ts'

/** A store that counts what is asked of it. `path`: its file, for its size. */
export const meteredStore = (store: Store, of: { readonly meter: HubMeter; readonly clock: Clock }): Store => {
  const transactions = of.meter.counter('dunlin_store_transactions_total')
  const duration = of.meter.histogram('dunlin_store_transaction_duration_seconds')
  const pending = of.meter.counter('dunlin_store_transactions_pending')
  const written = of.meter.counter('dunlin_store_written_bytes_total')
  return {
    ...store,
    async transact(transaction) {
      const began = of.clock.monotonic()
      pending([])
      let result: 'committed' | 'conflict' | 'failed' = 'failed'
      try {
        const answer = await store.transact(transaction)
        result = answer.committed ? 'committed' : 'conflict'
        if (answer.committed) written([], bytesOf(transaction.operations))
        return answer
      } finally {
        pending([], -1)
        transactions([result])
        duration([], (of.clock.monotonic() - began) / 1000)
      }
    },
  }
}

type Operations = Parameters<Store['transact']>[0]['operations']

const bytesOf = (operations: Operations): number =>
  operations.reduce((sum, one) => sum + (one.operation === 'put' ? one.value.length : 0), 0)

/** Sizes of the store's files, 0 for one that is not there. */
export const storeSizes = async (path: string): Promise<{ readonly db: number; readonly wal: number }> => {
  const sizeOf = (file: string): Promise<number> =>
    stat(file).then(
      found => found.size,
      () => 0,
    )
  return { db: await sizeOf(path), wal: await sizeOf(`${path}-wal`) }
}
