import type { Socket } from 'node:net'
import type { Server, TLSSocket } from 'node:tls'
import type { Clock } from '../lib/clock.ts'
import { addressGroup } from './address-group.ts'
import type { HubMeter } from './metrics/hub-metrics.ts'

/*
 *   accepted ──> handshake under way ──> secure: no longer ours
 *      │             └─ more than `few` of them: once a second those that have been silent for `silentMs` are given up
 *      └─ address blamed too often, too many of one address, or of all: closed at once, before TLS costs anything
 */

/** Handshakes under way that nobody looks at twice: some 60 KiB each. */
const few = 1000
const mostOfAddress = 1000
const most = 12_000
const sweepMs = 1000
const silentMs = 5000

interface Handshake {
  readonly socket: Socket
  readonly address: string
  readonly since: number
  bytesRead: number
  /** Monotonic ms at which it was last seen to have read something more. */
  heardAt: number
}

/**
 * Bounds what connections cost that have not shown who they are. Silence is what counts, not age: when a whole fleet
 * comes back at once, handshakes are slow because of us.
 *
 * @example limitHandshakes(server, { port: 'mqtt', clock, meter, admits: () => true })
 */
export const limitHandshakes = (
  server: Server,
  of: {
    readonly port: 'api' | 'mqtt'
    readonly clock: Clock
    readonly meter: HubMeter | undefined
    /** Whether this address is heard at all now. */
    readonly admits?: (address: string) => boolean
    /** A handshake of this address came to nothing. */
    readonly blame?: (address: string) => void
  },
): void => {
  const { clock } = of
  const underWay = new Map<string, Handshake>()
  const byAddress = new Map<string, number>()
  const failed = of.meter?.counter('apiserver_tls_handshake_errors_total')
  const evicted = of.meter?.counter('dunlin_tls_handshakes_evicted_total')
  of.meter?.read('dunlin_tls_handshakes', () => [[[of.port], underWay.size]])
  let cancelSweep: (() => void) | undefined

  const done = (key: string): void => {
    const handshake = underWay.get(key)
    if (handshake === undefined) return
    underWay.delete(key)
    const left = (byAddress.get(handshake.address) ?? 1) - 1
    if (left > 0) byAddress.set(handshake.address, left)
    else byAddress.delete(handshake.address)
  }

  const giveUp = (key: string, { socket, address }: Handshake): void => {
    evicted?.([of.port])
    of.blame?.(address)
    done(key)
    socket.destroy()
  }

  /** Twice seen without a byte more, with a turn of the event loop between: it is the other side that is silent. */
  const sweep = (): void => {
    cancelSweep = undefined
    const now = clock.monotonic()
    for (const [key, handshake] of underWay) {
      if (underWay.size <= few) break
      if (handshake.socket.bytesRead > handshake.bytesRead) {
        handshake.bytesRead = handshake.socket.bytesRead
        handshake.heardAt = now
      } else if (now - handshake.heardAt >= silentMs) giveUp(key, handshake)
    }
    sweepLater()
  }

  const sweepLater = (): void => {
    if (underWay.size > few) cancelSweep ??= clock.after(sweepMs, sweep)
  }

  server.on('connection', (socket: Socket) => {
    const address = addressGroup(socket.remoteAddress ?? '')
    const ofAddress = byAddress.get(address) ?? 0
    if (ofAddress >= mostOfAddress || underWay.size >= most || of.admits?.(address) === false) {
      evicted?.([of.port])
      socket.destroy()
      return
    }
    const key = keyOf(socket)
    const now = clock.monotonic()
    underWay.set(key, { socket, address, since: now, bytesRead: 0, heardAt: now })
    byAddress.set(address, ofAddress + 1)
    socket.once('close', () => done(key))
    sweepLater()
  })
  server.on('secureConnection', socket => done(keyOf(socket)))
  server.on('tlsClientError', (_error: Error, socket: TLSSocket) => {
    failed?.([of.port])
    of.blame?.(addressGroup(socket.remoteAddress ?? ''))
  })
  server.on('close', () => cancelSweep?.())
}

const keyOf = (socket: Socket): string => `${socket.remoteAddress} ${socket.remotePort}`
