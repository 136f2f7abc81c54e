import { randomBytes, randomUUID } from 'node:crypto'
import { hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { describeError, Fault } from '../api/fault.ts'
import { allKinds } from '../api/kinds.ts'
import type { Clock } from '../lib/clock.ts'
import { writeDurably } from '../lib/durable-file.ts'
import type { Log } from '../lib/log.ts'
import { version } from '../lib/version.ts'
import { backupDoor } from './backup-door.ts'
import { startBroker } from './broker/start-broker.ts'
import { type HubConfig, isHost } from './config.ts'
import { admissionWith, defaultServiceRanges } from './controllers/admission.ts'
import { startControllers } from './controllers/start-controllers.ts'
import { nodeSessions } from './fleet/node-sessions.ts'
import { podLogs } from './fleet/pod-logs.ts'
import { podStreams } from './fleet/pod-streams.ts'
import { startFleet } from './fleet/start-fleet.ts'
import { followNames } from './follow-names.ts'
import { healthChecks } from './health-checks.ts'
import { advertised, hostOf, machineAddresses } from './hub-addresses.ts'
import { nodeUser } from './identity/caller.ts'
import { identityDoors } from './identity/doors.ts'
import type { HubKeys } from './identity/keys.ts'
import { kubeconfig } from './identity/kubeconfig.ts'
import { openIdentity } from './identity/open-identity.ts'
import { openMetrics } from './metrics/open-metrics.ts'
import { openData } from './open-data.ts'
import { liveSessions } from './remote/live-sessions.ts'
import { remoteDoor } from './remote/remote-door.ts'
import { sessionRecord } from './remote/session-record.ts'
import { shellsLeft } from './remote/sessions-list.ts'
import { bootstrapObjects } from './rest/bootstrap-objects.ts'
import { startRest } from './rest/start-rest.ts'
import { openObjects } from './store/open-objects.ts'

/*
 *   keys ─> store ─> objects ─> identity ─> broker ─> fleet ─> REST and doors ─> controllers
 *   close: the same way back, so that whoever uses a part ends before it
 */

export interface Hub {
  readonly fleet: string
  readonly apiPort: number
  readonly mqttPort: number
  /** Where nodes and users reach it: `host:port`. */
  readonly addresses: readonly string[]
  /** Resolves when the store has ended by itself: the hub is of no use any more and should be closed. */
  readonly failed: Promise<Fault>
  /** Asks the parts without which the process is of no use. @throws what the first that is not well says */
  check(): Promise<void>
  /** Drains: requests under way end, controllers end their runs, the store is closed. Always the same promise. */
  close(): Promise<void>
}

export interface HubParts {
  readonly log: Log
  readonly clock: Clock
}

/**
 * Starts a whole hub. Resolves when it answers. When any part cannot start, those that did are closed again.
 *
 * @throws Fault Machine that says what is wrong and what to do: folder, lock, store, keys, a port in use
 * @example const hub = await startHub(config, { log, clock: systemClock }); … await hub.close()
 */
export const startHub = async (config: HubConfig, parts: HubParts): Promise<Hub> => {
  const opened: { readonly name: string; close(): Promise<void> | void }[] = []
  const closeAll = async (): Promise<void> => {
    for (const part of opened.splice(0).toReversed()) {
      try {
        await part.close()
      } catch (error) {
        parts.log.error('a part of the hub did not close', { part: part.name, error: describeError(error) })
      }
    }
  }
  try {
    const hub = await open(config, parts, (name, close) => opened.push({ name, close }))
    let closing: Promise<void> | undefined
    return {
      ...hub,
      close() {
        closing ??= closeAll()
        return closing
      },
    }
  } catch (error) {
    await closeAll()
    throw error
  }
}

type OnClose = (name: string, close: () => Promise<void> | void) => void

const open = async (config: HubConfig, { log, clock }: HubParts, onClose: OnClose): Promise<Omit<Hub, 'close'>> => {
  const now = () => clock.now()
  const folder = config.data
  const places = () => (config.advertise.length > 0 ? config.advertise : ownPlaces(config))
  const names = () => [hostname(), ...ownPlaces(config), ...config.advertise.map(hostOf), ...config.name].filter(isHost)
  const metrics = openMetrics({ clock, version })
  onClose('metrics', () => metrics.close())

  const failure = Promise.withResolvers<Fault>()
  const data = await openData({ folder, now, randomBytes, names: names(), onFailure: failure.resolve })
  const { keys } = data
  const store = metrics.store(data.store, join(folder, 'hub.db'))
  onClose('store', () => store.close())
  const ranges = { ...defaultServiceRanges, serviceCIDR: config.serviceRange, dnsAddress: config.dnsAddress }
  const objects = openObjects({
    store,
    kinds: allKinds,
    admission: admissionWith(ranges),
    atRest: keys.atRest,
    now,
    newUid: randomUUID,
    random: Math.random,
    log,
  })
  onClose('objects', () => objects.close())
  await bootstrapObjects(objects)

  const ports = { api: config.port, mqtt: config.mqttPort }
  const api = () => advertised(places(), ports.api).slice(0, 8)
  const mqtt = () => [...new Set([...advertised(places().filter(hasNoPort), ports.mqtt), ...api()])].slice(0, 8)
  const identity = await openIdentity({ keys, store, objects, now, randomBytes, log, api, mqtt })
  onClose('identity', () => identity.close())

  const broker = await startBroker({
    fleet: keys.fleet,
    tls: { ...keys.server, ca: keys.ca.pem, ticketKeys: keys.ticketKeys },
    listen: { host: config.host, port: config.mqttPort },
    isRevoked: identity.isRevoked,
    authenticate: identity.authenticate,
    clock,
    log,
    meter: metrics.meter,
  })
  onClose('broker', () => broker.close())
  ports.mqtt = broker.port ?? config.mqttPort
  broker.onTelemetry(metrics.telemetryOf(objects))

  const fleet = await startFleet({
    objects,
    bus: broker.bus,
    keys,
    nodeKeys(name) {
      const node = identity.node(name)
      return node && { uid: node.uid, sealPublicKey: node.sealingKey, signPublicKey: node.signingKey }
    },
    incarnation: store.incarnation,
    term: store.term,
    clock,
    randomHex,
    log,
    hubVersion: version,
    meter: metrics.meter,
    queues: metrics.queues,
    network: {
      clusterCIDR: config.podRange,
      serviceCIDR: config.serviceRange,
      dnsAddress: config.dnsAddress,
      domain: config.domain,
    },
  })
  onClose('fleet', () => fleet.close())
  const sessions = nodeSessions({
    command: fleet.command,
    // The port is known when REST listens; nodes are asked to dial later than that.
    get url() {
      return `wss://${api()[0] ?? 'localhost'}`
    },
    randomHex,
    bus: broker.bus,
    clock,
    log,
  })
  onClose('sessions', () => sessions.close())
  const record = sessionRecord({ path: join(folder, 'audit', 'sessions.jsonl'), now, log })
  onClose('session record', () => record.written())
  const live = liveSessions({ tell: record.tell, now, randomHex })

  const tls = () => ({
    key: keys.server.key,
    cert: keys.server.certificate,
    ca: keys.ca.pem,
    ticketKeys: keys.ticketKeys,
  })
  let areControllersRunning = (): boolean => false
  const checks = healthChecks({
    store,
    objects,
    isBrokerListening: () => broker.isListening,
    areControllersRunning: () => areControllersRunning(),
  })
  const rest = await startRest({
    objects,
    authenticate: identity.authenticate,
    tls: tls(),
    host: config.host,
    port: config.port,
    doors: [
      ...identityDoors({ identity, keys, api, mqtt }),
      backupDoor({ folder, store, fleet: keys.fleet, now, randomBytes }),
      fleet.door,
      sessions.door,
      remoteDoor({ objects, nodes: sessions, sessions: live, shells: shellsLeft(), clock }),
    ],
    logs: podLogs({ sessions, clock }),
    streams: podStreams({ sessions }),
    sessions: live,
    serviceAccounts: identity.serviceAccounts,
    usage: fleet.usage,
    now,
    clock,
    log,
    version,
    onMqtt: broker.handle,
    meter: metrics.meter,
    metrics: metrics.source({ objects, signs: fleet.signs, sessions: sessions.counts }),
    checks,
  })
  onClose('rest', () => rest.close())
  ports.api = rest.port
  identity.onShutOut(user => {
    const node = user.startsWith(nodeUser('')) ? user.slice(nodeUser('').length) : undefined
    if (node === undefined) broker.dropUser(user)
    else {
      broker.forget(node)
      sessions.drop(node)
    }
    rest.drop(caller => caller.user === user)
  })

  const controllers = startControllers({
    objects,
    clock,
    random: Math.random,
    log,
    queues: metrics.queues,
    options: { clusterCIDR: config.podRange, nodeSilenceSeconds: config.nodeSilence },
  })
  areControllersRunning = () => controllers.isRunning
  onClose('controllers', () => controllers.close())

  const following = followNames({ names, keys, renewed: () => rest.renew(tls()), clock, log })
  onClose('names', () => following.close())

  await writeKubeconfig(config, api()[0] ?? `127.0.0.1:${ports.api}`, keys)
  log.info('the hub is up', { fleet: keys.fleet, api: api(), mqttPort: ports.mqtt, data: folder, version })
  return {
    fleet: keys.fleet,
    apiPort: ports.api,
    mqttPort: ports.mqtt,
    addresses: api(),
    failed: failure.promise,
    async check() {
      for (const one of checks) if (one.isLive) await one.check()
    },
  }
}

/** Where it listens; for all addresses those of this machine, loopback where it has no other. */
const ownPlaces = (config: HubConfig): readonly string[] => {
  if (!['::', '0.0.0.0'].includes(config.host)) return [config.host]
  const found = machineAddresses(networkInterfaces(), [config.podRange, config.serviceRange])
  return found.length === 0 ? ['127.0.0.1'] : found
}

const randomHex = (bytes: number): string => randomBytes(bytes).toString('hex')

const hasNoPort = (place: string): boolean => hostOf(place) === place

const writeKubeconfig = async (config: HubConfig, address: string, keys: HubKeys): Promise<void> => {
  if (config.kubeconfig === undefined) return
  const server = `https://${address}`
  const text = kubeconfig({ fleet: keys.fleet, server, ca: keys.ca.pem, user: 'admin', credentials: keys.admin })
  try {
    await writeDurably(config.kubeconfig, text, 0o600)
  } catch (error) {
    throw new Fault(
      'Machine',
      `the kubeconfig ${config.kubeconfig} cannot be written: ${describeError(error)}`,
      {},
      error,
    )
  }
}
