import { describeError, isFault } from '../../api/fault.ts'
import { backoffMs } from '../../lib/backoff.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'

/*
 *   one to two minutes after the start, then every ten ──> due? renew
 *                                                     └──> not connected? the 1st, 2nd, 4th, 8th … time: renew
 *   the broker says no ──> at once, and again after 1, 2, 4 … minutes while it says no
 *
 * The other roads need no clock: a board that was off for years, or whose clock stands at 1970, is refused at the
 * broker for a certificate that has ended, and is given a new one by proof of its key. A renewal also tells where the
 * hub is now.
 */

const lookEveryMs = 600_000
const firstLookMs = 60_000
/** A device that was removed is refused for ever: it asks ever more seldom. */
const refusedFirstMs = 60_000
const refusedMostMs = 3_600_000

/**
 * Renews the device's certificate well before its end, and when the hub does not let it in.
 *
 * @param of.random 0 up to 1; spreads a fleet that starts at once
 * @example const renewal = keepRenewed({ identity, isConnected: () => bus.isConnected, renew, clock, random, log })
 */
export const keepRenewed = (of: {
  readonly identity: { isRenewalDue(now: number): boolean }
  readonly isConnected: () => boolean
  readonly renew: () => Promise<unknown>
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
}): { refused(): void; admitted(): void; close(): void } => {
  let isClosed = false
  let refusals = 0
  let deafUntil = Number.NEGATIVE_INFINITY
  let cancel = (): void => {}
  let looksWithoutHub = 0

  const look = async (): Promise<void> => {
    looksWithoutHub = of.isConnected() ? 0 : looksWithoutHub + 1
    const isPowerOfTwo = looksWithoutHub > 0 && (looksWithoutHub & (looksWithoutHub - 1)) === 0
    if (!isPowerOfTwo && !of.identity.isRenewalDue(of.clock.now())) return
    await renew()
  }

  const renew = async (): Promise<void> => {
    try {
      await of.renew()
      looksWithoutHub = 0
      of.log.info('the certificate was renewed')
    } catch (error) {
      const isSilence = isFault(error, 'Unavailable')
      of.log[isSilence ? 'debug' : 'warn']('the certificate was not renewed', { why: describeError(error) })
    }
  }
  const lookAfter = (ms: number): void => {
    if (isClosed) return
    cancel = of.clock.after(ms, () => {
      look()
        .catch(error => of.log.error('a renewal went wrong', { why: describeError(error) }))
        .finally(() => lookAfter(lookEveryMs))
    })
  }

  lookAfter(firstLookMs * (1 + of.random()))
  return {
    /** The broker did not let this device in. */
    refused() {
      if (isClosed || of.clock.monotonic() < deafUntil) return
      deafUntil = of.clock.monotonic() + backoffMs({ attempt: refusals, first: refusedFirstMs, most: refusedMostMs })
      refusals += 1
      renew().catch(error => of.log.error('a renewal went wrong', { why: describeError(error) }))
    },
    /** It was let in: the next refusal is a new story. */
    admitted() {
      refusals = 0
      deafUntil = Number.NEGATIVE_INFINITY
    },
    close() {
      isClosed = true
      cancel()
    },
  }
}
