import { describeError } from '../api/fault.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { Supervisor } from '../lib/supervisor.ts'

/**
 * Gives the supervisor its signs of life, each after the hub's parts were asked and have answered: a store that hangs
 * gives none, nor does a loop of events that stands still.
 *
 * @example const signs = giveSigns({ supervisor, check: hub.check, clock, log }); … signs.close()
 */
export const giveSigns = (of: {
  readonly supervisor: Pick<Supervisor, 'beatEveryMs' | 'beat'>
  /** @throws anything where something is not well */
  readonly check: () => Promise<void>
  readonly clock: Clock
  readonly log: Log
}): { close(): void } => {
  const { supervisor, clock } = of
  const everyMs = supervisor.beatEveryMs
  let isClosed = false
  let cancel: () => void = () => {}
  const later = (): void => {
    if (everyMs !== undefined && !isClosed) cancel = clock.after(everyMs, look)
  }
  const look = (): void => {
    of.check().then(
      () => {
        supervisor.beat()
        later()
      },
      (error: unknown) => {
        of.log.warn('a part of the hub is not well: no sign of life is given', { why: describeError(error) })
        later()
      },
    )
  }
  later()
  return {
    close() {
      isClosed = true
      cancel()
    },
  }
}
