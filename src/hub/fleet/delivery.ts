import { compareTuples } from '../../core/nodes/assignment.ts'
import { backoffMs } from '../../lib/backoff.ts'
import type { Held } from '../../wire/payloads.ts'

/**
 * What is known of one document on its way to one node. All times are monotonic milliseconds.
 *
 *   want ──> due now ──> sent ──> due again after 2 s, 4 s, … 5 min ──> acknowledged
 */
export interface Delivery {
  readonly wanted: Held | undefined
  /** What the node said that it holds. */
  readonly acknowledged: Held | undefined
  /** Digest of what was sent last and may still be under way. */
  readonly sentDigest: string | undefined
  /** When it was sent. */
  readonly sentAt: number
  readonly attempt: number
  readonly dueAt: number
}

export const noDelivery: Delivery = {
  wanted: undefined,
  acknowledged: undefined,
  sentDigest: undefined,
  sentAt: Number.NEGATIVE_INFINITY,
  attempt: 0,
  dueAt: Number.NEGATIVE_INFINITY,
}

/** Another document is wanted: due at once. The same content keeps its order, and its place in the back-off. */
export const want = (delivery: Delivery, wanted: Held): Delivery =>
  delivery.wanted?.digest === wanted.digest && delivery.wanted.tuple.incarnation === wanted.tuple.incarnation
    ? delivery
    : { ...delivery, wanted, attempt: 0, dueAt: Number.NEGATIVE_INFINITY }

/** When it must be sent, or undefined while the node has what is wanted and nothing else is under way to it. */
export const dueAt = (delivery: Delivery): number | undefined => {
  const { wanted, acknowledged, sentDigest } = delivery
  if (wanted === undefined) return undefined
  const isUnderWay = sentDigest !== undefined && sentDigest !== wanted.digest
  if (acknowledged?.digest === wanted.digest && !isUnderWay) return undefined
  return delivery.dueAt
}

/** A node that has not acknowledged what it was sent gets nothing newer for so long, unless it does. */
const patienceMs = 5000

/** Until when what was sent last is taken to be under way; in the past where it has come, or nothing was sent. */
export const underWayUntil = ({ acknowledged, sentDigest, sentAt }: Delivery): number =>
  sentDigest === undefined || acknowledged?.digest === sentDigest ? Number.NEGATIVE_INFINITY : sentAt + patienceMs

export const sent = (delivery: Delivery, now: number): Delivery => ({
  ...delivery,
  sentDigest: delivery.wanted?.digest,
  sentAt: now,
  attempt: delivery.attempt + 1,
  dueAt: now + backoffMs({ attempt: delivery.attempt, first: 2000, most: 300_000 }),
})

/** The node says what it holds. An older word that comes late changes nothing. */
export const acknowledge = (delivery: Delivery, held: Held | undefined): Delivery => {
  const before = delivery.acknowledged
  if (held === undefined || (before !== undefined && compareTuples(held.tuple, before.tuple) < 0)) return delivery
  const isWanted = held.digest === delivery.wanted?.digest
  return { ...delivery, acknowledged: held, sentDigest: isWanted ? held.digest : delivery.sentDigest }
}

/** After a hello: what the node holds is certain, whatever was believed; what is missing is due now. */
export const greet = (delivery: Delivery, held: Held | undefined): Delivery => ({
  ...delivery,
  acknowledged: held,
  sentDigest: held?.digest === delivery.wanted?.digest ? held?.digest : undefined,
  attempt: 0,
  dueAt: Number.NEGATIVE_INFINITY,
})
