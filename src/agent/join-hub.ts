import { X509Certificate } from 'node:crypto'
import { describeError, Fault, isFault } from '../api/fault.ts'
import { backoffMs } from '../lib/backoff.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { Enrolment } from '../wire/enrolment.ts'
import { parseJoinToken } from '../wire/join-token.ts'
import type { EnrolOptions } from './identity/enrol.ts'
import type { AgentIdentity } from './identity/open-identity.ts'
import { forgetOrder } from './link/forget-order.ts'

/**
 * The membership of this device: what it has, or what it gets with its token. A hub that cannot be reached is asked
 * again until it answers; a token that it refuses ends the attempt. A device that has joined and is given another token
 * than then (it was removed, or moves to another hub) tries that one first, and stays what it is when that fails.
 *
 * @throws Fault Machine without a token; Unauthorized, Forbidden, Distrusted, Invalid as the hub says
 */
export const joinHub = async (
  identity: AgentIdentity,
  of: Omit<EnrolOptions, 'token'> & {
    readonly token: string | undefined
    readonly stateFolder: string
    /** Where copies of documents lie that are newer than those on disk. */
    readonly runFolder?: string
    /** Told of each attempt that reached no hub. */
    readonly tried?: () => void
    readonly clock: Clock
    readonly random: () => number
    readonly log: Log
    /** Hears why an attempt to join failed, before it is repeated or ends. */
    readonly failed?: ((error: unknown) => Promise<void>) | undefined
  },
): Promise<Enrolment> => {
  const { token } = of
  if (identity.membership !== undefined) return await rejoin(identity, identity.membership, of)
  if (token === undefined)
    throw new Fault(
      'Machine',
      'this device has not joined a hub: make a token there with `dunlin join-token create`, and start the agent with --join-token TOKEN',
    )
  const { enrol } = await import('./identity/enrol.ts')
  for (let attempt = 0; ; attempt += 1) {
    try {
      const membership = await enrol(identity, { ...of, token })
      of.log.info('joined', { node: membership.node.name, fleet: membership.fleet })
      return membership
    } catch (error) {
      if (!of.signal.aborted) await of.failed?.(error)
      if (!isFault(error, 'Unavailable', 'Timeout') || of.signal.aborted) throw error
      of.tried?.()
      const waitMs = 500 + backoffMs({ attempt, first: 500, most: 30_000, random: of.random() })
      of.log.warn('the hub cannot be reached to join it; asked again', { why: describeError(error), waitMs })
      await new Promise<void>(resolve => of.clock.after(waitMs, resolve))
      of.signal.throwIfAborted()
    }
  }
}

/** Pods start before the hub answers: a new token must not hold them up for longer. */
const rejoinMs = 10_000

const rejoin = async (
  identity: AgentIdentity,
  membership: Enrolment,
  of: Omit<EnrolOptions, 'token'> & {
    readonly token: string | undefined
    readonly stateFolder: string
    /** Where copies of documents lie that are newer than those on disk. */
    readonly runFolder?: string
    readonly clock: Clock
    readonly log: Log
  },
): Promise<Enrolment> => {
  const { token } = of
  const { tokenId } = identity
  if (token === undefined || tokenId === undefined) return membership
  // Node 18 has no AbortSignal.any.
  const stop = new AbortController()
  const abort = (): void => stop.abort()
  of.signal.addEventListener('abort', abort)
  const cancel = of.clock.after(rejoinMs, abort)
  try {
    const { id, pin } = parseJoinToken(token)
    if (id === tokenId) return membership
    const { enrol } = await import('./identity/enrol.ts')
    const { pinOf } = await import('./identity/pinned-hub.ts')
    // Safe should the join fail: nothing is taken below what the hub confirms after a connect.
    if (pinOf(new X509Certificate(membership.ca)) !== pin)
      for (const folder of [of.stateFolder, of.runFolder]) if (folder !== undefined) await forgetOrder(folder, of.log)
    const fresh = await enrol(identity, { ...of, token, signal: stop.signal })
    of.log.info('joined again with a new token', { node: fresh.node.name, fleet: fresh.fleet })
    return fresh
  } catch (error) {
    of.log.warn('the new join token was not taken; this device stays what it is', { why: describeError(error) })
    return membership
  } finally {
    cancel()
    of.signal.removeEventListener('abort', abort)
  }
}
