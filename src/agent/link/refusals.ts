import { describeError, isFault } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'

/** Messages that do not hold are counted, and said once a minute: a broker that sends rubbish must not fill the log. */
export const refusals = (of: { readonly clock: Clock; readonly log: Log }) => {
  let count = 0
  let saidAt = Number.NEGATIVE_INFINITY
  return (topic: string, error: unknown): void => {
    const why = describeError(error)
    if (!isFault(error, 'Malformed', 'Distrusted')) {
      of.log.error('a message of the hub was not taken', { topic, why })
      return
    }
    count += 1
    if (of.clock.monotonic() - saidAt < 60_000) return
    saidAt = of.clock.monotonic()
    of.log.warn('a message was refused', { topic, why, refusedSoFar: count })
  }
}
