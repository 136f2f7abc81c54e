import { connect as connectTls, TLSSocket } from 'node:tls'
import { MqttClient } from 'mqtt'
import { describeError, Fault } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { roomIn } from '../../lib/room-in.ts'
import type { AgentBus } from '../../wire/bus.ts'
import { frameGuard } from '../../wire/frame-guard.ts'
import { keepNoNumbers } from '../../wire/keep-no-numbers.ts'
import { fleetPrefix, nodeTopic, noticeTopic, parseTopic } from '../../wire/topic-names.ts'
import { listeners } from './listeners.ts'
import { afterEnd, noTries, waitMs } from './reconnect.ts'

/*
 *   one client a connection, so that no state of an old one is left:
 *
 *   TLS material anew ──> TLS (session resumed) ──> CONNECT, will ──> SUBSCRIBE d/+, b/hub ──> connected
 *        ^                                                                                     │ breaks
 *        └───────── after a while (reconnect.ts), at the next address ─────────────────────────┘
 */

export interface TlsMaterial {
  readonly key: string
  readonly cert: string
  readonly ca: string
  /** The name that the hub's certificate must hold, whatever its address. */
  readonly servername: string
}

export interface MqttBusOptions {
  /** `host:port`, in the order to try; read anew for each connection. */
  readonly addresses: () => readonly string[]
  /** Read anew for each connection, so that a renewed certificate is used. */
  readonly tls: () => TlsMaterial
  readonly node: string
  readonly fleet: string
  /** What the broker publishes on `u/live` when connection number `connection` breaks. */
  readonly will: (connection: number) => Uint8Array
  /** MQTT's keep alive, seconds: the broker ends a connection that was silent for one and a half times as long. 120 unless said. */
  readonly keepAliveSeconds?: number
  /** Told each time that the broker does not let this node in: its certificate may have ended. [MQTT-3.2.2-5] */
  readonly onRefused?: () => void
  readonly clock: Clock
  /** 0 up to 1. */
  readonly random: () => number
  readonly log: Log
}

const mostFrameBytes = 512 * 1024
const usualKeepAliveSeconds = 120
/** A hub that 10,000 come back to needs time. */
const connectTimeoutMs = 45_000
const greetingKeepAliveMs = 5000
/** MQTT 3.1.1, table 3.1: the return code of a CONNACK. */
const notAuthorised = 5
/** Messages that the broker has not acknowledged yet; a further one is refused. */
const mostUnacknowledged = 64
/** Telemetry above this that the socket has not taken is dropped. */
const mostBufferedBytes = 64 * 1024

/**
 * The agent's side of MQTT 3.1.1 over TLS. Connects at once and for ever, until it is closed; queues nothing.
 *
 * @example const bus = mqttBus({ addresses: () => ['hub.example:8883'], tls, node: 'attic', fleet, … })
 */
export const mqttBus = (of: MqttBusOptions): AgentBus => {
  keepNoNumbers()
  const { clock, log } = of
  const messageListeners = new Set<(topic: string, bytes: Uint8Array) => Promise<void>>()
  const connections = listeners<boolean>()
  const frames = listeners<Uint8Array>()
  const prefix = fleetPrefix(of.fleet)
  let current: { readonly client: MqttClient; isUp: boolean } | undefined
  let session: Buffer | undefined
  let connection = 0
  let tries = noTries
  /** Which of the addresses is the next. */
  let turn = 0
  let upAt = 0
  let unacknowledged = 0
  let saidFailure: string | undefined
  let isClosed = false
  let cancelRetry = (): void => {}

  const open = (): void => {
    const addresses = of.addresses()
    const address = addresses[turn % Math.max(1, addresses.length)]
    if (address === undefined) throw new Fault('Machine', 'no address of the hub is known')
    const material = of.tls()
    connection += 1
    const client = new MqttClient(() => openSocket(address, material), {
      protocolVersion: 4,
      clientId: of.node,
      clean: true,
      keepalive: of.keepAliveSeconds ?? usualKeepAliveSeconds,
      connectTimeout: connectTimeoutMs,
      // Never by the library: it has no jitter, and it gives up on a refusal.
      reconnectPeriod: 0,
      queueQoSZero: false,
      manualConnect: true,
      will: {
        topic: nodeTopic(of.fleet, of.node, 'u/live'),
        payload: Buffer.from(of.will(connection)),
        qos: 1,
        retain: false,
      },
    })
    const mine = { client, isUp: false }
    current = mine
    client.handleMessage = (packet, done) => {
      const bytes = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload
      // [MQTT-4.3.2-2] The PUBACK goes out when the listeners are through, which is after the durable write.
      void take(packet.topic, bytes).finally(() => done())
    }
    client.on('error', error => {
      failed(address, error.message)
      if ('code' in error && error.code === notAuthorised) of.onRefused?.()
    })
    client.on('connect', () => subscribe(mine, address))
    client.on('close', () => ended(mine, address))
    client.connect()
  }

  /** Said once, and again when it is another reason: a device may be without its hub for months. */
  const failed = (address: string, why: string): void => {
    if (isClosed) return
    const say = why === saidFailure ? log.debug : log.warn
    saidFailure = why
    say('the connection to the broker failed, and is tried again', { address, why })
  }

  const openSocket = (address: string, material: TlsMaterial): TLSSocket => {
    const colon = address.lastIndexOf(':')
    const socket = connectTls({
      host: address.slice(0, colon).replace(/^\[|\]$/g, ''),
      port: Number(address.slice(colon + 1)),
      ...material,
      ALPNProtocols: ['mqtt'],
      minVersion: 'TLSv1.2',
      ...(session && { session }),
    })
    socket.setNoDelay(true)
    // Until it is greeted it waits in silence, and would not hear that the other side has forgotten it.
    socket.setKeepAlive(true, greetingKeepAliveMs)
    socket.on('session', ticket => {
      session = ticket
    })
    const guard = frameGuard(() => mostFrameBytes)
    // Before mqtt.js has its own listener: what breaks the rules ends the connection, and is never buffered.
    socket.on('data', chunk => {
      try {
        guard.feed(chunk)
      } catch (error) {
        log.warn('the broker sent a frame that is too large; the connection is ended', { why: describeError(error) })
        socket.destroy()
      }
    })
    return socket
  }

  const subscribe = (mine: NonNullable<typeof current>, address: string): void => {
    const filters = [nodeTopic(of.fleet, of.node, 'd/+'), noticeTopic(of.fleet)]
    mine.client.subscribe(filters, { qos: 1 }, (error, granted) => {
      if (mine !== current) return
      const refused = granted?.find(one => one.qos === 128)
      if (error || refused !== undefined) {
        log.warn('the broker refused a subscription', { address, topic: refused?.topic, why: error?.message })
        mine.client.end(true)
        return
      }
      mine.isUp = true
      // From here on MQTT's own keep alive watches, with fewer bytes.
      if (mine.client.stream instanceof TLSSocket) mine.client.stream.setKeepAlive(false)
      upAt = clock.monotonic()
      saidFailure = undefined
      log.info('connected to the broker', { address, connection })
      connections.tell(true)
    })
  }

  const ended = (mine: NonNullable<typeof current>, address: string): void => {
    if (mine !== current) return
    current = undefined
    // Rejects what waits for its acknowledgement.
    mine.client.end(true)
    if (mine.isUp) {
      log.info('the connection to the broker ended', { address })
      connections.tell(false)
    }
    retry(mine.isUp ? clock.monotonic() - upAt : 0)
  }

  const retry = (heldMs: number): void => {
    if (isClosed) return
    tries = afterEnd(tries, heldMs)
    turn += 1
    cancelRetry = clock.after(waitMs(tries, of.random()), start)
  }

  const start = (): void => {
    try {
      open()
    } catch (error) {
      log.warn('no connection to the broker could be begun', { why: describeError(error) })
      retry(0)
    }
  }

  const take = async (topic: string, bytes: Uint8Array): Promise<void> => {
    const name = parseTopic(of.fleet, topic)
    const suffix =
      name?.of === 'notice' ? 'b/hub' : name?.of === 'node' && name.node === of.node ? name.suffix : undefined
    if (suffix === undefined) return
    try {
      if (suffix === 'd/tun') frames.tell(bytes)
      else for (const listener of messageListeners) await listener(suffix, bytes)
    } catch (error) {
      log.error('a message of the hub was not taken', { topic: suffix, why: describeError(error) })
    }
  }

  start()
  return {
    get isConnected() {
      return current?.isUp === true
    },
    get connection() {
      return connection
    },
    async publish(topic, bytes) {
      const mine = current
      if (mine?.isUp !== true) throw new Fault('Unavailable', 'not connected to the broker', { topic })
      if (unacknowledged >= mostUnacknowledged)
        throw new Fault('Unavailable', `the broker owes ${unacknowledged} acknowledgements`, { topic })
      unacknowledged += 1
      try {
        await new Promise<void>((resolve, reject) => {
          const settled = (): void => {
            mine.client.off('close', broke)
          }
          const broke = (): void => {
            settled()
            reject(new Fault('Unavailable', 'the connection broke before the broker acknowledged', { topic }))
          }
          mine.client.once('close', broke)
          mine.client.publish(nodeTopic(of.fleet, of.node, topic), Buffer.from(bytes), { qos: 1 }, error => {
            settled()
            if (error) reject(new Fault('Unavailable', 'the broker did not take a message', { topic }, error))
            else resolve()
          })
        })
      } finally {
        unacknowledged -= 1
      }
    },
    publishTelemetry(topic, bytes, retain) {
      const mine = current
      if (mine?.isUp !== true || mine.client.stream.writableLength > mostBufferedBytes) return
      mine.client.publish(`${prefix}t/${of.node}/${topic}`, Buffer.from(bytes), { qos: 0, retain })
    },
    async publishFrame(bytes) {
      const mine = current
      if (mine?.isUp !== true) throw new Fault('Unavailable', 'not connected to the broker')
      const { stream } = mine.client
      mine.client.publish(nodeTopic(of.fleet, of.node, 'u/tun'), Buffer.from(bytes), { qos: 0 })
      await roomIn(stream)
    },
    onFrame: frames.add,
    onMessage(listener) {
      messageListeners.add(listener)
      return () => messageListeners.delete(listener)
    },
    onConnection: connections.add,
    async close() {
      isClosed = true
      cancelRetry()
      const mine = current
      current = undefined
      if (mine === undefined) return
      if (!mine.isUp) {
        // Whoever has not been greeted yet needs no goodbye, and may never answer one.
        mine.client.end(true)
        mine.client.stream.destroy()
        return
      }
      // A DISCONNECT, so that the will is not published; force only when the broker does not take it.
      await new Promise<void>(resolve => {
        const cancel = clock.after(2000, () => {
          mine.client.stream.destroy()
          resolve()
        })
        mine.client.end(false, () => {
          cancel()
          resolve()
        })
      })
      connections.tell(false)
    },
  }
}
