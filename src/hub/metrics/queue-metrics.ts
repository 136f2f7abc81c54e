import type { Clock } from '../../lib/clock.ts'
import type { QueueObserver } from '../../lib/work-queue.ts'
import type { HubMeter } from './hub-metrics.ts'

/** Counts what becomes of the keys of queues, each by the name of its queue. */
export type QueueMetrics = (name: string) => QueueObserver

/** @example workQueue({ …, observer: queueMetrics({ meter, clock })('deployment') }) */
export const queueMetrics = ({ meter, clock }: { readonly meter: HubMeter; readonly clock: Clock }): QueueMetrics => {
  const adds = meter.counter('workqueue_adds_total')
  const retries = meter.counter('workqueue_retries_total')
  const waited = meter.histogram('workqueue_queue_duration_seconds')
  const worked = meter.histogram('workqueue_work_duration_seconds')
  return name => ({
    added: () => adds([name]),
    began: waitedMs => waited([name], waitedMs / 1000),
    ended(ranMs, isFailed) {
      worked([name], ranMs / 1000)
      if (isFailed) retries([name])
    },
    watch(look) {
      const seconds = (): readonly number[] => [...look().runningSince].map(since => (clock.monotonic() - since) / 1000)
      meter.read('workqueue_depth', () => [[[name], look().waiting]])
      meter.read('workqueue_unfinished_work_seconds', () => [[[name], seconds().reduce((sum, one) => sum + one, 0)]])
      meter.read('workqueue_longest_running_processor_seconds', () => [[[name], Math.max(0, ...seconds())]])
    },
  })
}
