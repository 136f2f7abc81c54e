import { describeError } from '../api/fault.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { HubKeys } from './identity/keys.ts'

const lookEveryMs = 60_000

/**
 * Keeps the names in the server's certificate those by which the hub is reached, for a machine whose addresses change
 * (DHCP) while the hub runs. Looks once a minute; writes only what changed. Agents do not need it: they check a name that
 * never changes.
 *
 * @example const following = followNames({ names, keys, renewed: () => rest.renew(tls()), clock, log })
 */
export const followNames = (of: {
  readonly names: () => readonly string[]
  readonly keys: Pick<HubKeys, 'useNames'>
  readonly renewed: () => void
  readonly clock: Clock
  readonly log: Log
}): { close(): void } => {
  let isClosed = false
  let cancel = (): void => {}
  let known = of.names().join(' ')

  const look = async (): Promise<void> => {
    const names = of.names()
    if (names.join(' ') === known) return
    if (await of.keys.useNames(names)) {
      of.renewed()
      of.log.info('the names of this machine changed; the hub certificate has the new ones', { names })
    }
    known = names.join(' ')
  }
  const lookLater = (): void => {
    if (isClosed) return
    cancel = of.clock.after(lookEveryMs, () => {
      look()
        .catch(error => of.log.warn('the hub certificate could not take new names', { why: describeError(error) }))
        .finally(lookLater)
    })
  }

  lookLater()
  return {
    close() {
      isClosed = true
      cancel()
    },
  }
}
