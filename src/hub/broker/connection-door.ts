import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { describeError } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import { frameGuard } from '../../wire/frame-guard.ts'
import { addressGroup } from '../address-group.ts'
import type { BrokerClients, Connection } from './broker-clients.ts'
import type { BrokerCounts } from './broker-counts.ts'
import { type CertificateRole, certificateRole } from './certificate-role.ts'
import type { ConnectionAdmission } from './connection-admission.ts'
import { guardReads } from './guard-reads.ts'

/** Who reads telemetry; each may have `mostBufferedBytes` on the way. Above it connections are closed at once. */
const mostReaders = 100
/** Who is about to be told that it may not speak here. Above it the oldest is not told. */
const mostStrangers = 200
const mostFrameBytes = 512 * 1024
const mostFirstFrameBytes = 8 * 1024

export interface ConnectionDoor {
  /** Judges a TLS socket, guards what is read of it, and gives it to the broker. */
  handle(socket: TLSSocket): void
  /** Knows a socket from its first byte on. */
  keep(socket: Socket): void
  /** Handshakes under way have no client yet. */
  destroyAll(): void
}

/**
 * What stands before the broker: how many may come, who they are, and how much one frame may hold.
 *
 * @example const door = connectionDoor({ …, accept: socket => broker.handle(socket) })
 */
export const connectionDoor = (of: {
  readonly fleet: string
  readonly isRevoked: (fingerprint: string) => boolean
  readonly authenticate?: Parameters<typeof certificateRole>[1]['authenticate']
  readonly clients: BrokerClients
  readonly counts: BrokerCounts
  readonly admission: ConnectionAdmission
  readonly mostConnections: number
  readonly readers: () => number
  readonly clock: Clock
  readonly say: (message: string, facts: { readonly [fact: string]: unknown }) => void
  readonly accept: (socket: TLSSocket) => void
}): ConnectionDoor => {
  const { admission, clients, clock, counts, say } = of
  const sockets = new Set<Socket>()
  /** Connections that may not speak, until they have been told so; the oldest first. */
  const strangers = new Set<TLSSocket>()

  const keep = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  }

  const refusalOf = (role: CertificateRole): 'full' | 'rate' | undefined => {
    if (counts.open >= of.mostConnections) return 'full'
    if (!role.admits) return undefined
    if (role.who.role === 'telemetry') return of.readers() >= mostReaders ? 'full' : undefined
    return admission.admitsNode(role.who.node) ? undefined : 'rate'
  }

  const keepStranger = (socket: TLSSocket): void => {
    admission.blame(addressGroup(socket.remoteAddress ?? ''))
    strangers.add(socket)
    socket.once('close', () => strangers.delete(socket))
    const [oldest] = strangers
    if (strangers.size <= mostStrangers || oldest === undefined) return
    counts.refused.role += 1
    oldest.destroy()
  }

  const handle = (socket: TLSSocket): void => {
    keep(socket)
    const role = certificateRole(socket, { ...of, now: clock.now() })
    const why = refusalOf(role)
    if (why !== undefined) {
      counts.refused[why] += 1
      say('a connection to the broker was turned away: too many', { address: socket.remoteAddress, why })
      admission.blame(addressGroup(socket.remoteAddress ?? ''))
      socket.destroy()
      return
    }
    if (!role.admits) keepStranger(socket)
    const guard = frameGuard(() => (connection.client?.connected === true ? mostFrameBytes : mostFirstFrameBytes))
    const connection: Connection = { role, guard, subscriptions: new Set() }
    clients.add(socket, connection)
    counts.socket(socket)
    guardReads(socket, {
      guard,
      clock,
      refused(error) {
        connection.closedFor = 'oversize'
        if (connection.client?.connected !== true) counts.left.oversize += 1
        say('a connection to the broker was closed', { client: connection.client?.id, why: describeError(error) })
      },
      slowed() {
        counts.slowed.times += 1
        say('a client of the broker says too much, and is not read from for a while', { client: connection.client?.id })
      },
    })
    of.accept(socket)
  }

  return {
    handle,
    keep,
    destroyAll() {
      for (const socket of sockets) socket.destroy()
    },
  }
}
