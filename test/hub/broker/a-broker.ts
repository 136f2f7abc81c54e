import { createHash, randomBytes, X509Certificate } from 'node:crypto'
import { connect, type TLSSocket } from 'node:tls'
import type { Test } from 'tap'
import type { TlsMaterial } from '../../../src/agent/link/mqtt-bus.ts'
import { mqttBus } from '../../../src/agent/link/mqtt-bus.ts'
import { type Broker, startBroker } from '../../../src/hub/broker/start-broker.ts'
import { type HubKeys, openKeys } from '../../../src/hub/identity/keys.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { type Log, silentLog } from '../../../src/lib/log.ts'
import type { AgentBus } from '../../../src/wire/bus.ts'
import { hubServerName } from '../../../src/wire/enrolment.ts'
import { folderOf } from '../../support/folder-of.ts'

export interface TestBroker {
  readonly keys: HubKeys
  readonly broker: Broker
  readonly fleet: string
  readonly port: number
  readonly revoked: Set<string>
  /** A certificate of these groups. */
  material(user: string, groups: readonly string[]): TlsMaterial
  node(name: string, change?: { readonly random?: () => number; readonly log?: Log }): AgentBus
  /** A bare TLS connection. */
  raw(material: TlsMaterial): Promise<TLSSocket>
  restart(): Promise<void>
}

/** The broker on TLS with the keys of a hub, on a free port of the loopback. */
export const aBroker = async (t: Test, change: { readonly mostConnections?: number } = {}): Promise<TestBroker> => {
  const keys = await openKeys(`${folderOf(t)}/keys`, { now: Date.now, randomBytes, names: ['127.0.0.1'] })
  const revoked = new Set<string>()
  const start = (port: number) =>
    startBroker({
      fleet: keys.fleet,
      tls: { key: keys.server.key, certificate: keys.server.certificate, ca: keys.ca.pem, ticketKeys: keys.ticketKeys },
      listen: { host: '127.0.0.1', port },
      isRevoked: fingerprint => revoked.has(fingerprint),
      clock: systemClock,
      log: silentLog,
      ...change,
    })
  let broker = await start(0)
  const port = broker.port ?? 0
  const buses: AgentBus[] = []
  t.teardown(async () => {
    for (const bus of buses) await bus.close()
    await broker.close()
  })
  const material = (user: string, groups: readonly string[]): TlsMaterial => {
    const made = keys.makeClient({ name: user, groups, notAfter: new Date(Date.now() + 86_400_000) })
    return { key: made.key, cert: made.certificate, ca: keys.ca.pem, servername: hubServerName }
  }
  return {
    keys,
    get broker() {
      return broker
    },
    fleet: keys.fleet,
    port,
    revoked,
    material,
    node(name, options = {}) {
      const own = material(`system:node:${name}`, ['system:nodes'])
      const bus = mqttBus({
        addresses: () => [`127.0.0.1:${port}`],
        tls: () => own,
        node: name,
        fleet: keys.fleet,
        will: connection => Buffer.from(`gone ${connection}`),
        clock: systemClock,
        random: options.random ?? (() => 0.01),
        log: options.log ?? silentLog,
      })
      buses.push(bus)
      return bus
    },
    raw: of =>
      new Promise((resolve, reject) => {
        const socket = connect({ host: '127.0.0.1', port, ...of }, () => {
          if (socket.isSessionReused()) resumed.add(socket)
          resolve(socket)
        })
        socket.once('error', reject)
        socket.on('session', ticket => tickets.set(socket, ticket))
        t.teardown(() => socket.destroy())
      }),
    async restart() {
      await broker.close()
      broker = await start(port)
    },
  }
}

/** The newest session ticket of a connection. */
export const tickets = new WeakMap<TLSSocket, Buffer>()

/** Connections that resumed a session. */
export const resumed = new WeakSet<TLSSocket>()

/** As the broker and the hub's register write it. */
export const fingerprintOfPem = (pem: string): string =>
  createHash('sha256').update(new X509Certificate(pem).raw).digest('hex')

/** Resolves when the bus is (or is no longer) connected. */
export const whenConnected = (bus: AgentBus, wanted = true): Promise<void> =>
  bus.isConnected === wanted
    ? Promise.resolve()
    : new Promise(resolve => {
        const stop = bus.onConnection(is => {
          if (is !== wanted) return
          stop()
          resolve()
        })
      })

/** Resolves when `holds`, or throws after a minute. */
export const until = async (holds: () => boolean, what: string): Promise<void> => {
  for (let tries = 0; tries < 6000; tries += 1) {
    if (holds()) return
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  throw new Error(`in vain: ${what}`)
}
