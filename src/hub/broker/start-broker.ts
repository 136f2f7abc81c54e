import { createServer, type TLSSocket } from 'node:tls'
import { Aedes, type AedesPublishPacket, type Client } from 'aedes'
import { Fault } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { roomIn } from '../../lib/room-in.ts'
import type { HubBus } from '../../wire/bus.ts'
import { keepNoNumbers } from '../../wire/keep-no-numbers.ts'
import { nodeTopic, noticeTopic } from '../../wire/topic-names.ts'
import type { Caller } from '../identity/caller.ts'
import { limitHandshakes } from '../limit-handshakes.ts'
import type { HubMeter } from '../metrics/hub-metrics.ts'
import { brokerClients } from './broker-clients.ts'
import { brokerCounts } from './broker-counts.ts'
import { brokerMemory } from './broker-memory.ts'
import { brokerNews, type TelemetryListener } from './broker-news.ts'
import { brokerRules, mostBufferedBytes } from './broker-rules.ts'
import { connectionAdmission } from './connection-admission.ts'
import { connectionDoor } from './connection-door.ts'
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

/** As many as there are ranges for nodes, and some that have not ended yet. Above it connections are closed at once. */
const usualConnections = 18_000

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
  const nodes = new Map<string, Client>()
  const readers = new Set<Client>()
  const news = brokerNews(fleet)
  const counts = brokerCounts({ meter: of.meter, retained: () => memory.retained })
  const admission = connectionAdmission({ clock })
  const clients = brokerClients(counts)

  const said = new Map<string, number>()
  /** One line of a sort in ten seconds: what a client does must not fill the log. */
  const say = (message: string, facts: { readonly [fact: string]: unknown }): void => {
    if (clock.monotonic() - (said.get(message) ?? Number.NEGATIVE_INFINITY) < 10_000) return
    said.set(message, clock.monotonic())
    log.warn(message, facts)
  }

  const broker = await Aedes.createBroker({
    persistence: memory,
    concurrency: 1000,
    drainTimeout: 10_000,
    connectTimeout: 30_000,
    maxTopicLevels: 12,
    queueLimit: 16,
    ...brokerRules({ fleet, clients, counts, say }),
  })

  broker.on('clientReady', client => {
    const who = clients.roleOf(client)
    if (who !== undefined) {
      counts.came[who.role] += 1
      counts.present[who.role] += 1
    }
    if (who?.role === 'telemetry') readers.add(client)
    if (who?.role !== 'node') return
    nodes.set(who.node, client)
    news.presence(who.node, { connected: true, reset: false })
  })
  broker.on('clientDisconnect', client => {
    readers.delete(client)
    const who = clients.roleOf(client)
    const connection = clients.of(client)
    if (who !== undefined) {
      counts.present[who.role] -= 1
      counts.left[connection?.closedFor ?? (connection?.guard.hasDisconnected === true ? 'said' : 'broken')] += 1
    }
    // A take-over: the node is there, on a newer connection.
    if (who?.role !== 'node' || nodes.get(who.node) !== client) return
    nodes.delete(who.node)
    news.presence(who.node, { connected: false, reset: connection?.guard.hasDisconnected !== true })
  })
  broker.on('unsubscribe', (topics, client) => {
    for (const topic of topics) clients.of(client)?.subscriptions.delete(topic)
  })
  broker.on('publish', (packet: AedesPublishPacket, client) => {
    const who = clients.roleOf(client)
    if (who?.role === 'node' && news.heard(packet.topic, packet.payload)) counts.messages.in += 1
  })
  for (const event of ['clientError', 'connectionError'] as const)
    broker.on(event, (client, error) =>
      say('a connection to the broker broke', { client: client.id, why: error.message }),
    )

  const door = connectionDoor({
    ...of,
    clients,
    counts,
    admission,
    mostConnections: of.mostConnections ?? usualConnections,
    readers: () => readers.size,
    say,
    accept: socket => broker.handle(socket),
  })
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
    door.handle,
  )
  server.on('connection', door.keep)
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
      if (client.conn.writableLength > mostBufferedBytes) return clients.tooSlow(client)
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
    handle: door.handle,
    bus: {
      publish: (node, topic, bytes) => publish(node, nodeTopic(fleet, node, topic), bytes),
      async broadcast(bytes) {
        await Promise.allSettled([...nodes.keys()].map(node => publish(node, noticeTopic(fleet), bytes)))
      },
      onMessage: news.onMessage,
      async publishFrame(node, bytes) {
        const client = nodes.get(node)
        if (client === undefined) throw new Fault('Unavailable', `node "${node}" is not connected to the hub`, { node })
        // One that comes while the connection does not drain would be dropped, and a dropped one ends its tunnel.
        await roomIn(client.conn)
        await write(client, nodeTopic(fleet, node, 'd/tun'), bytes, 0)
      },
      onFrame: news.onFrame,
      onPresence: news.onPresence,
      drop,
    },
    onTelemetry: news.onTelemetry,
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
        const role = clients.of(reader)?.role
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
      door.destroyAll()
      await closed
    },
  }
}

/**
 * QoS 1 for all that must arrive in order with the rest: messages of mixed QoS to one client overtake one another in
 * aedes. Frames of a tunnel, QoS 0, are ordered among themselves only.
 */
const write = (client: Client, topic: string, bytes: Uint8Array, qos: 0 | 1 = 1): Promise<void> =>
  new Promise((resolve, reject) => {
    const packet = { cmd: 'publish' as const, topic, payload: Buffer.from(bytes), qos, retain: false, dup: false }
    client.publish(packet, error => (error ? reject(error) : resolve()))
  })
