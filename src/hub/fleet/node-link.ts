import type { DocumentName } from '../../wire/document.ts'
import { type Delivery, noDelivery } from './delivery.ts'

/**
 * What the hub knows of one node's end of the wire. In memory only: a hub that starts learns it again from hellos.
 *
 * Everything after a hello carries the session that the hub's answer named, and a number that grows. So a broker that
 * replays old messages of a node, from another life of it or of the hub, is found out.
 */
export interface NodeLink {
  readonly node: string
  readonly sessions: Map<string, { sequence: number }>
  readonly deliveries: Record<DocumentName, Delivery>
  /** What the broker says; undefined where it does not say. */
  isConnected: boolean | undefined
  /** Whether the broker itself watches the connection (ours does); otherwise hellos and wills tell. */
  isSeenByBroker: boolean
  /** The number in the newest hello: an older connection's will is not this one's end. */
  connection: number
  /** Monotonic ms of the last message that proved itself fresh. */
  heardAt: number | undefined
  /** Monotonic ms of the newest hellos: more than `mostHellos` in `helloWindowMs` are not answered. */
  readonly hellos: number[]
}

const mostSessions = 4
const mostHellos = 6
const helloWindowMs = 10_000

export const nodeLink = (node: string): NodeLink => ({
  node,
  sessions: new Map(),
  deliveries: { state: noDelivery, net: noDelivery },
  isConnected: undefined,
  isSeenByBroker: false,
  connection: -1,
  heardAt: undefined,
  hellos: [],
})

/** Whether this hello may be answered now. A replayed flood costs the node its answer for some seconds, and no more. */
export const admitsHello = (link: NodeLink, now: number): boolean => {
  while (link.hellos[0] !== undefined && link.hellos[0] < now - helloWindowMs) link.hellos.shift()
  if (link.hellos.length >= mostHellos) return false
  link.hellos.push(now)
  return true
}

/** A session for one answered hello; the oldest falls out when there are too many. */
export const openSession = (link: NodeLink, session: string): void => {
  link.sessions.set(session, { sequence: 0 })
  for (const oldest of link.sessions.keys()) {
    if (link.sessions.size <= mostSessions) break
    link.sessions.delete(oldest)
  }
}

/** Whether a message of that session and number is new. One that is ends all sessions before it. */
export const isFresh = (link: NodeLink, session: string, sequence: number, now: number): boolean => {
  const found = link.sessions.get(session)
  if (found === undefined || sequence <= found.sequence) return false
  found.sequence = sequence
  for (const earlier of link.sessions.keys()) {
    if (earlier === session) break
    link.sessions.delete(earlier)
  }
  link.heardAt = now
  return true
}

/** Whether it makes sense to send to the node now. */
export const isReachable = (link: NodeLink): boolean => link.sessions.size > 0 && link.isConnected !== false
