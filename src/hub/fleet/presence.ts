import { describeError } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { NodeLink } from './node-link.ts'

/** A broken connection that does not return in this time makes the node Unknown. */
const resetGraceMs = 10_000
const beatEveryMs = 30_000
/** A broker may claim that a node is connected; without a signed word in this time that counts for nothing. */
const trustPresenceMs = 16 * 60_000

export interface Presence {
  /** What is known now of a node's connection. */
  seen(link: NodeLink, now: { readonly connected: boolean; readonly reset: boolean }): void
  close(): void
}

/** Turns connections into signs of life, and broken ones that stay broken into a node that is Unknown. */
export const presence = (of: {
  readonly links: ReadonlyMap<string, NodeLink>
  readonly beat: (node: string) => Promise<void>
  readonly unheard: (node: string, reason: string, message: string) => Promise<void>
  readonly clock: Clock
  readonly log: Log
}): Presence => {
  const { clock, log } = of
  const missing = new Map<string, () => void>()

  const beatAll = async (): Promise<void> => {
    const now = clock.monotonic()
    for (const link of of.links.values())
      if (link.isConnected === true && link.heardAt !== undefined && now - link.heardAt < trustPresenceMs)
        await of.beat(link.node)
  }
  let stop = (): void => {}
  const later = (): void => {
    stop = clock.after(beatEveryMs, () => {
      void beatAll().catch(error => log.warn('heartbeats were not written', { why: describeError(error) }))
      later()
    })
  }
  later()

  const lose = (node: string): void => {
    missing.delete(node)
    const seconds = resetGraceMs / 1000
    of.unheard(
      node,
      'ConnectionLost',
      `The connection of the node broke and did not return within ${seconds} s.`,
    ).catch(error => log.warn('a node could not be marked Unknown', { node, why: describeError(error) }))
  }

  return {
    seen(link, now) {
      const { node } = link
      link.isConnected = now.connected
      missing.get(node)?.()
      missing.delete(node)
      if (!now.connected && now.reset)
        missing.set(
          node,
          clock.after(resetGraceMs, () => lose(node)),
        )
    },
    close() {
      stop()
      for (const cancel of missing.values()) cancel()
    },
  }
}
