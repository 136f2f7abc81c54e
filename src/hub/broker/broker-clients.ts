import type { Duplex } from 'node:stream'
import type { FrameGuard } from '../../wire/frame-guard.ts'
import type { BusRole } from '../../wire/topic-names.ts'
import type { BrokerCounts, Leaving } from './broker-counts.ts'
import type { CertificateRole } from './certificate-role.ts'

/** What we use of a client of the broker's. */
export interface BrokerClient {
  readonly id: string
  readonly conn: Duplex
  readonly connected: boolean
  close(): void
}

/** A connection that was handed to the broker, and what is known of it. */
export interface Connection {
  readonly role: CertificateRole
  readonly guard: FrameGuard
  client?: BrokerClient
  readonly subscriptions: Set<string>
  /** Why we closed it, where we did. */
  closedFor?: Leaving
}

export interface BrokerClients {
  of(client: Pick<BrokerClient, 'conn'>): Connection | undefined
  add(socket: object, connection: Connection): void
  /** Undefined for who may not speak here. */
  roleOf(client: Pick<BrokerClient, 'conn'> | null): BusRole | undefined
  /** What waits for it is at its bound: it comes again, and gets what is true then. */
  tooSlow(client: BrokerClient): void
}

/** Who is who among the broker's clients. A connection is forgotten with its socket. */
export const brokerClients = (counts: Pick<BrokerCounts, 'dropped'>): BrokerClients => {
  const connections = new WeakMap<object, Connection>()
  return {
    of: client => connections.get(client.conn),
    add: (socket, connection) => void connections.set(socket, connection),
    roleOf(client) {
      const role = client === null ? undefined : connections.get(client.conn)?.role
      return role?.admits === true ? role.who : undefined
    },
    tooSlow(client) {
      counts.dropped.slow += 1
      const connection = connections.get(client.conn)
      if (connection !== undefined) connection.closedFor = 'slow'
      client.close()
    },
  }
}
