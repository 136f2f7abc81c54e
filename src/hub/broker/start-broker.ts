import type { Socket } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { Aedes, type AedesPublishPacket, type Client } from 'aedes'
import { describeError, Fault } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { roomIn } from '../../lib/room-in.ts'
import type { HubBus } from '../../wire/bus.ts'
import { type FrameGuard, frameGuard } from '../../wire/frame-guard.ts'
import { keepNoNumbers } from '../../wire/keep-no-numbers.ts'
import { type BusRole, mayPublish, maySubscribe, nodeTopic, noticeTopic, parseTopic } from '../../wire/topic-names.ts'
import { addressGroup } from '../address-group.ts'
import type { Caller } from '../identity/caller.ts'
import { limitHandshakes } from '../limit-handshakes.ts'
import type { HubMeter } from '../metrics/hub-metrics.ts'
import { brokerCounts, type Leaving } from './broker-counts.ts'
import { brokerMemory } from './broker-memory.ts'
import { type CertificateRole, certificateRole } from './certificate-role.ts'
import { connectionAdmission } from './connection-admission.ts'
import { guardReads } from './guard-reads.ts'
import { listenTls } from './listen-tls.ts'
import { nodeQueues } from './node-queues.ts'

/*
 *   TLS (client certificate) ── guard: length of every frame ──> aedes
 *      preConnect: admission, role, own client id            publish up: own u/ and t/ only ──> fleet
 *      authenticate: role, revocation, client id = node      subscribe: own d/+, b/hub; telemetry t/# only
 *   fleet ── one at a time per node, QoS 1 ──> the node's connection, unless it does not drain
 */

export interface BrokerOptions {
  readonly fleet: string
  readonly tls: {
    readonly key: string
    /** The hub's certificate, then the CA's. PEM. */
    readonly certificate: string
    readonly ca: string
    /** 48 bytes: sessions resume after a restart. */
    readonly ticketKeys: Buffer
  }
  /** undefined: no port of its own, only sockets that are handed over. */
  readonly listen?: { readonly host: string; readonly port: number }
  readonly isRevoked: (fingerprint: string) => boolean
  /** The hub's own judgement of a connection; without it TLS and `isRevoked` decide. @throws Fault Unauthorized */
  readonly authenticate?: (socket: TLSSocket) => Caller
  readonly clock: Clock
  readonly log: Log
  /** As many as there are ranges for nodes, and some that have not ended yet: 18,000 by default. */
  readonly mostConnections?: number
  /** Where it is read what happens here. Absent: by nobody but `stats`. */
  readonly meter?: HubMeter
}

export interface BrokerStats {
  readonly connected: number
  readonly refusedConnections: number
  readonly refusedPublishes: number
  readonly refusedSubscribes: number
  /** Frames above the limit. */
  readonly oversize: number
  /** Messages that a client did not take fast enough. */
  readonly dropped: number
  readonly retainedBytes: number
}

export interface Broker {
  readonly bus: HubBus
  readonly port: number | undefined
  /** Also true where it has no port of its own. */
  readonly isListening: boolean
  /** Takes over a TLS socket, e.g. one that asked for `mqtt` by ALPN on the API port. */
  handle(socket: TLSSocket): void
  /** Telemetry as it passes by: any client with a node's certificate may say anything under its own name. */
  onTelemetry(listener: TelemetryListener): () => void
  stats(): BrokerStats
  /** What is kept of a removed node goes, and its connection ends. */
  forget(node: string): void
  /** Ends every connection of a user who reads telemetry. */
  dropUser(user: string): void
  close(): Promise<void>
}

type TelemetryListener = (node: string, device: string, what: 'birth' | 'data', payload: Uint8Array) => void

/** Bounds of what clients may take of us; each of them is counted. */
const most = {
  /** As many as there are ranges for nodes, and some that have not ended yet. Above it connections are closed at once. */
  connections: 18_000,
  /** Who reads telemetry; each may have `mostBufferedBytes` on the way. Above it connections are closed at once. */
  readers: 100,
  /** Who is about to be told that it may not speak here. Above it the oldest is not told. */
  strangers: 200,
  /** Subscriptions of one client; a further one is refused. */
  subscriptions: 100,
} as const

const mostFrameBytes = 512 * 1024
const mostFirstFrameBytes = 8 * 1024
const mostBufferedBytes = 1024 * 1024

interface Connection {
  readonly role: CertificateRole
  readonly guard: FrameGuard
  client?: Client
  readonly subscriptions: Set<string>
  /** Why we closed it, where we did. */
  closedFor?: Leaving
}

/**
 * The embedded broker: aedes behind guards. It is trusted with nothing by the two ends, and still keeps strangers out.
 *
 * @example const broker = await startBroker({ fleet, tls, listen: { host: '::', port: 8883 }, isRevoked, clock, log })
 * @throws Fault Machine when the port is taken
 */
export const startBroker = async (of: BrokerOptions): Promise<Broker> => {
  keepNoNumbers()
  const { fleet, clock, log } = of
  const memory = brokerMemory(fleet)
  const connections = new WeakMap<object, Connection>()
  const nodes = new Map<string, Client>()
  const readers = new Set<Client>()
  const messageListeners = new Set<(node: string, topic: string, bytes: Uint8Array) => void>()
  const presenceListeners = new Set<Parameters<HubBus['onPresence']>[0]>()
  const frameListeners = new Set<(node: string, bytes: Uint8Array) => void>()
  const telemetryListeners = new Set<TelemetryListener>()
  const counts = brokerCounts({ meter: of.meter, retained: () => memory.retained })
  const admission = connectionAdmission({ clock })
  const mostConnections = of.mostConnections ?? most.connections
  /** Connections that may not speak, until they have been told so; the oldest first. */
  const strangers = new Set<TLSSocket>()
  let watchers = 0

  const said = new Map<string, number>()
  /** One line of a sort in ten seconds: what a client does must not fill the log. */
  const say = (message: string, facts: { readonly [fact: string]: unknown }): void => {
    if (clock.monotonic() - (said.get(message) ?? Number.NEGATIVE_INFINITY) < 10_000) return
    said.set(message, clock.monotonic())
    log.warn(message, facts)
  }

  const roleOf = (client: Client | null): BusRole | undefined => {
    const role = client === null ? undefined : connections.get(client.conn)?.role
    return role?.admits === true ? role.who : undefined
  }

  /** What waits for it is at its bound: it comes again, and gets what is true then. */
  const tooSlow = (client: Client): void => {
    counts.dropped.slow += 1
    const connection = connections.get(client.conn)
    if (connection !== undefined) connection.closedFor = 'slow'
    client.close()
  }

  const broker = await Aedes.createBroker({
    persistence: memory,
    concurrency: 1000,
    drainTimeout: 10_000,
    connectTimeout: 30_000,
    maxTopicLevels: 12,
    queueLimit: 16,
    preConnect(client, packet, done) {
      const connection = connections.get(client.conn)
      if (connection === undefined) return done(new Error('a connection that was not handed over'), false)
      // A single broker cannot deliver twice; aedes' own check drops messages that overtake one another.
      Object.defineProperty(client, 'duplicates', { value: noMemory, writable: false })
      connection.client = client
      // A watcher's name is its own; were it a node's, it would take over the node's session.
      if (connection.role.admits && connection.role.who.role === 'telemetry') {
        watchers += 1
        Object.assign(packet, { clientId: `telemetry:${watchers}` })
      }
      Object.assign(packet, { clean: true })
      done(null, true)
    },
    authenticate(client, _username, _password, done) {
      const role = connections.get(client.conn)?.role
      const why =
        role?.admits !== true
          ? (role?.why ?? 'no certificate')
          : role.who.role === 'node' && client.id !== role.who.node
            ? `"${role.user}" names itself "${client.id.slice(0, 80)}": the client id must be the node's name`
            : undefined
      if (why === undefined) return done(null, true)
      counts.refused.role += 1
      say('a client of the broker was refused', { why })
      // [MQTT-3.2.2-5] return code 5: not authorised
      done(Object.assign(new Error(why), { returnCode: 5 }), false)
    },
    authorizePublish(client, packet, done) {
      const who = roleOf(client)
      const name = parseTopic(fleet, packet.topic)
      const isOwn = who !== undefined && name !== undefined && mayPublish(who, fleet, packet.topic)
      if (!isOwn || packet.qos > 1) {
        counts.dropped.topic += 1
        say('a message was refused by the broker', {
          client: client?.id,
          topic: packet.topic.slice(0, 200),
          qos: packet.qos,
        })
        return done(new Error(`"${client?.id}" may not publish to ${packet.topic.slice(0, 200)} at QoS ${packet.qos}`))
      }
      // Only births are kept; a node's word is never heard twice because it was retained.
      if (!(name.of === 'telemetry' && name.what === 'birth')) packet.retain = false
      done(null)
    },
    authorizeSubscribe(client, subscription, done) {
      const who = roleOf(client)
      const held = connections.get(client.conn)?.subscriptions
      const isOwn = who !== undefined && held !== undefined && maySubscribe(who, fleet, subscription.topic)
      if (isOwn && (held.size < most.subscriptions || held.has(subscription.topic))) {
        held.add(subscription.topic)
        return done(null, subscription)
      }
      counts.refusedSubscribes[isOwn ? 'many' : 'topic'] += 1
      say('a subscription was refused by the broker', { client: client.id, topic: subscription.topic.slice(0, 200) })
      // [MQTT-3.9.3-2] return code 0x80
      done(null, null)
    },
    authorizeForward(client, packet) {
      const conn = client.conn
      if (conn.writableLength > mostBufferedBytes) {
        tooSlow(client)
        return null
      }
      if (conn.writableNeedDrain) {
        counts.dropped.slow += 1
        return null
      }
      counts.messages.out += 1
      return packet
    },
  })

  const present = (node: string, connected: boolean, reset: boolean): void => {
    for (const listener of presenceListeners) listener(node, { connected, reset })
  }
  broker.on('clientReady', client => {
    const who = roleOf(client)
    if (who !== undefined) {
      counts.came[who.role] += 1
      counts.present[who.role] += 1
    }
    if (who?.role === 'telemetry') readers.add(client)
    if (who?.role !== 'node') return
    nodes.set(who.node, client)
    present(who.node, true, false)
  })
  broker.on('clientDisconnect', client => {
    readers.delete(client)
    const who = roleOf(client)
    const connection = connections.get(client.conn)
    if (who !== undefined) {
      counts.present[who.role] -= 1
      counts.left[connection?.closedFor ?? (connection?.guard.hasDisconnected === true ? 'said' : 'broken')] += 1
    }
    // A take-over: the node is there, on a newer connection.
    if (who?.role !== 'node' || nodes.get(who.node) !== client) return
    nodes.delete(who.node)
    present(who.node, false, connection?.guard.hasDisconnected !== true)
  })
  broker.on('unsubscribe', (topics, client) => {
    for (const topic of topics) connections.get(client.conn)?.subscriptions.delete(topic)
  })
  broker.on('publish', (packet: AedesPublishPacket, client) => {
    const who = roleOf(client)
    const name = who?.role === 'node' ? parseTopic(fleet, packet.topic) : undefined
    if (name === undefined || name.of === 'notice') return
    counts.messages.in += 1
    const bytes = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload
    if (name.of === 'telemetry')
      for (const listener of telemetryListeners) listener(name.node, name.device, name.what, bytes)
    else if (name.suffix === 'u/tun') for (const listener of frameListeners) listener(name.node, bytes)
    else for (const listener of messageListeners) listener(name.node, name.suffix, bytes)
  })
  for (const event of ['clientError', 'connectionError'] as const)
    broker.on(event, (client, error) =>
      say('a connection to the broker broke', { client: client.id, why: error.message }),
    )

  const sockets = new Set<Socket>()
  const keep = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  }

  const refusalOf = (role: CertificateRole): 'full' | 'rate' | undefined => {
    if (counts.open >= mostConnections) return 'full'
    if (!role.admits) return undefined
    if (role.who.role === 'telemetry') return readers.size >= most.readers ? 'full' : undefined
    return admission.admitsNode(role.who.node) ? undefined : 'rate'
  }

  const keepStranger = (socket: TLSSocket): void => {
    admission.blame(addressGroup(socket.remoteAddress ?? ''))
    strangers.add(socket)
    socket.once('close', () => strangers.delete(socket))
    const [oldest] = strangers
    if (strangers.size <= most.strangers || oldest === undefined) return
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
    connections.set(socket, connection)
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
    broker.handle(socket)
  }

  const server = createServer(
    {
      key: of.tls.key,
      cert: of.tls.certificate,
      ca: of.tls.ca,
      requestCert: true,
      // Refused in MQTT's own words, so that a client learns why.
      rejectUnauthorized: false,
      ticketKeys: of.tls.ticketKeys,
      sessionIdContext: 'dunlin-mqtt',
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['mqtt'],
      handshakeTimeout: 20_000,
    },
    handle,
  )
  server.on('connection', keep)
  server.on('tlsClientError', error => log.debug('a TLS handshake with the broker failed', { why: error.message }))
  limitHandshakes(server, {
    port: 'mqtt',
    clock,
    meter: of.meter,
    admits: admission.admitsAddress,
    blame: admission.blame,
  })
  const listenOrClose = async (at: { readonly host: string; readonly port: number }): Promise<number> => {
    try {
      return await listenTls(server, at)
    } catch (error) {
      await new Promise<void>(resolve => broker.close(resolve))
      throw error
    }
  }
  const port = of.listen === undefined ? undefined : await listenOrClose(of.listen)

  const publish = nodeQueues({
    write: async (node, topic, bytes) => {
      const client = nodes.get(node)
      if (client === undefined) return
      if (client.conn.writableLength > mostBufferedBytes) return tooSlow(client)
      counts.messages.out += 1
      await write(client, topic, bytes)
    },
    log,
  })

  const drop = (node: string): void => nodes.get(node)?.close()

  return {
    port,
    get isListening() {
      return port === undefined || server.listening
    },
    handle,
    bus: {
      publish: (node, topic, bytes) => publish(node, nodeTopic(fleet, node, topic), bytes),
      async broadcast(bytes) {
        await Promise.allSettled([...nodes.keys()].map(node => publish(node, noticeTopic(fleet), bytes)))
      },
      onMessage(listener) {
        messageListeners.add(listener)
        return () => messageListeners.delete(listener)
      },
      async publishFrame(node, bytes) {
        const client = nodes.get(node)
        if (client === undefined) throw new Fault('Unavailable', `node "${node}" is not connected to the hub`, { node })
        // One that comes while the connection does not drain would be dropped, and a dropped one ends its tunnel.
        await roomIn(client.conn)
        await write(client, nodeTopic(fleet, node, 'd/tun'), bytes, 0)
      },
      onFrame(listener) {
        frameListeners.add(listener)
        return () => frameListeners.delete(listener)
      },
      onPresence(listener) {
        presenceListeners.add(listener)
        return () => presenceListeners.delete(listener)
      },
      drop,
    },
    onTelemetry(listener) {
      telemetryListeners.add(listener)
      return () => telemetryListeners.delete(listener)
    },
    stats: () => ({
      ...counts.totals(),
      connected: broker.connectedClients,
      retainedBytes: memory.retained.bytes,
    }),
    forget(node) {
      memory.forget(node)
      drop(node)
    },
    dropUser(user) {
      for (const reader of readers) {
        const role = connections.get(reader.conn)?.role
        if (role?.admits === true && role.user === user) reader.close()
      }
    },
    async close() {
      const closed =
        port === undefined ? Promise.resolve() : new Promise<void>(resolve => server.close(() => resolve()))
      await new Promise<void>(resolve => {
        // A client that does not take its end is not waited for.
        const cancel = clock.after(2000, resolve)
        broker.close(() => {
          cancel()
          resolve()
        })
      })
      // Handshakes under way have no client yet.
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** Takes every note and remembers none. */
const noMemory = new Proxy({}, { get: () => undefined, set: () => true })

/**
 * QoS 1 for all that must arrive in order with the rest: messages of mixed QoS to one client overtake one another in
 * aedes. Frames of a tunnel, QoS 0, are ordered among themselves only.
 */
const write = (client: Client, topic: string, bytes: Uint8Array, qos: 0 | 1 = 1): Promise<void> =>
  new Promise((resolve, reject) => {
    const packet = { cmd: 'publish' as const, topic, payload: Buffer.from(bytes), qos, retain: false, dup: false }
    client.publish(packet, error => (error ? reject(error) : resolve()))
  })
