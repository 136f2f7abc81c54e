import { mayPublish, maySubscribe, parseTopic } from '../../wire/topic-names.ts'
import type { BrokerClient, BrokerClients } from './broker-clients.ts'
import type { BrokerCounts } from './broker-counts.ts'

/** Subscriptions of one client; a further one is refused. */
const mostSubscriptions = 100
/** What may wait for a client that does not drain; above it its connection ends. */
export const mostBufferedBytes = 1024 * 1024

interface Published {
  readonly topic: string
  readonly qos: number
  retain: boolean
}

/** aedes' own: who is refused learns why by the code. */
type Authenticated = (error: (Error & { returnCode: 5 }) | null, isIn: boolean | null) => void

/**
 * What a client may do here: come in under its own name, publish below its own topics, subscribe to what its role may
 * read, and be sent as much as it takes. Everything that is refused is counted.
 *
 * @example Aedes.createBroker({ ...brokerRules({ fleet, clients, counts, say }), persistence })
 */
export const brokerRules = (of: {
  readonly fleet: string
  readonly clients: BrokerClients
  readonly counts: BrokerCounts
  readonly say: (message: string, facts: { readonly [fact: string]: unknown }) => void
}) => {
  const { fleet, clients, counts, say } = of
  let watchers = 0
  return {
    preConnect(client: BrokerClient, packet: object, done: (error: Error | null, isIn: boolean) => void) {
      const connection = clients.of(client)
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
    authenticate(client: BrokerClient, _username: unknown, _password: unknown, done: Authenticated) {
      const role = clients.of(client)?.role
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
      done(Object.assign(new Error(why), { returnCode: 5 as const }), false)
    },
    authorizePublish(client: BrokerClient | null, packet: Published, done: (error?: Error | null) => void) {
      const who = clients.roleOf(client)
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
    authorizeSubscribe<Wish extends { readonly topic: string }>(
      client: BrokerClient,
      subscription: Wish,
      done: (error: Error | null, granted: Wish | null) => void,
    ) {
      const who = clients.roleOf(client)
      const held = clients.of(client)?.subscriptions
      const isOwn = who !== undefined && held !== undefined && maySubscribe(who, fleet, subscription.topic)
      if (isOwn && (held.size < mostSubscriptions || held.has(subscription.topic))) {
        held.add(subscription.topic)
        return done(null, subscription)
      }
      counts.refusedSubscribes[isOwn ? 'many' : 'topic'] += 1
      say('a subscription was refused by the broker', { client: client.id, topic: subscription.topic.slice(0, 200) })
      // [MQTT-3.9.3-2] return code 0x80
      done(null, null)
    },
    authorizeForward<Packet>(client: BrokerClient, packet: Packet): Packet | null {
      const conn = client.conn
      if (conn.writableLength > mostBufferedBytes) {
        clients.tooSlow(client)
        return null
      }
      if (conn.writableNeedDrain) {
        counts.dropped.slow += 1
        return null
      }
      counts.messages.out += 1
      return packet
    },
  }
}

/** Takes every note and remembers none. */
const noMemory = new Proxy({}, { get: () => undefined, set: () => true })
