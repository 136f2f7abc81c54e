import { describeError, Fault, isFault } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { mostPlainBytes } from '../../wire/document.ts'
import { readEnvelope } from '../../wire/envelope.ts'
import { keyId } from '../../wire/envelope-header.ts'
import type { UpTopic } from '../../wire/topics.ts'
import type { FleetCounts } from '../metrics/fleet-counts.ts'
import type { NodeKeys } from './hub-envelopes.ts'
import { isFresh, type NodeLink } from './node-link.ts'

/** Messages of one node that wait; at the bound its newest is dropped, and the next hello repairs that. */
const mostWaiting = 64
/** These begin something, so they belong to no session yet. */
const needsNoSession: ReadonlySet<string> = new Set<UpTopic>(['u/hello', 'u/live'])

/** JSON text of a message that proved itself. */
export type UpTaker = (link: NodeLink, text: string) => Promise<void> | void

export interface UpMessages {
  receive(node: string, topic: string, bytes: Uint8Array): void
  idle(): Promise<void>
}

/**
 * What nodes say, one message of a node after another: verified, fresh in its session, then given to its taker.
 * What does not hold is counted, and said once in ten seconds.
 */
export const upMessages = (of: {
  readonly fleet: string
  readonly nodeKeys: (node: string) => NodeKeys | undefined
  readonly link: (node: string) => NodeLink
  readonly takers: { readonly [Topic in UpTopic]: UpTaker }
  readonly clock: Clock
  readonly log: Log
  readonly counts: FleetCounts
}): UpMessages => {
  const { clock, log } = of
  const turns = new Map<string, { waiting: number; last: Promise<void> }>()
  const refused = { count: 0, saidAt: Number.NEGATIVE_INFINITY }

  const take = async (node: string, topic: string, bytes: Uint8Array): Promise<void> => {
    const keys = of.nodeKeys(node)
    const taker = Object.hasOwn(of.takers, topic) ? of.takers[topic as UpTopic] : undefined
    if (keys === undefined || taker === undefined)
      throw new Fault('Distrusted', `a message on ${topic} of "${node}", which is no node of this fleet`, {
        node,
        topic,
      })
    const { header, text } = readEnvelope(bytes, {
      direction: 'up',
      fleet: of.fleet,
      audience: keys.uid,
      topic,
      verifyKey: id => (id === keyId(keys.signPublicKey) ? keys.signPublicKey : undefined),
      mostPlainBytes,
    })
    const link = of.link(node)
    const isNew = needsNoSession.has(topic) || isFresh(link, header.session, header.tuple.revision, clock.monotonic())
    if (!isNew) {
      of.counts.refused('stale')
      log.debug('a message of an earlier session was left alone', { node, topic })
      return
    }
    of.counts.message(topic as UpTopic)
    await taker(link, text)
  }

  const failed = (node: string, topic: string, error: unknown): void => {
    if (!isFault(error, 'Malformed', 'Distrusted')) {
      of.counts.refused('failed')
      log.warn('what a node said was not written', { node, topic, why: describeError(error) })
      return
    }
    of.counts.refused('untrusted')
    refused.count += 1
    if (clock.monotonic() - refused.saidAt < 10_000) return
    refused.saidAt = clock.monotonic()
    log.warn('a message was refused', { node, topic, why: describeError(error), refusedSoFar: refused.count })
  }

  return {
    receive(node, topic, bytes) {
      const turn = turns.get(node) ?? { waiting: 0, last: Promise.resolve() }
      if (turn.waiting >= mostWaiting) return of.counts.refused('many')
      turn.waiting += 1
      turns.set(node, turn)
      turn.last = turn.last
        .then(() => take(node, topic, bytes))
        .catch(error => failed(node, topic, error))
        .then(() => {
          turn.waiting -= 1
          if (turn.waiting === 0) turns.delete(node)
        })
    },
    async idle() {
      await Promise.all([...turns.values()].map(turn => turn.last))
    },
  }
}
