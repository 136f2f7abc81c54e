import { randomBytes } from 'node:crypto'
import { fetchDocument } from '../../src/agent/fetch-document.ts'
import { enrol } from '../../src/agent/identity/enrol.ts'
import { openIdentity } from '../../src/agent/identity/open-identity.ts'
import { liveMessage } from '../../src/agent/link/link-identity.ts'
import { mqttBus } from '../../src/agent/link/mqtt-bus.ts'
import { openHubLink } from '../../src/agent/link/open-hub-link.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { type Log, silentLog } from '../../src/lib/log.ts'

const hex = (bytes: number) => randomBytes(bytes).toString('hex')

/** The agent's real end over real TLS, without a runtime: joins, connects, says that it is ready. */
export const aDevice = async (
  t: { teardown(close: () => unknown): unknown },
  of: {
    readonly stateFolder: string
    readonly token?: string
    readonly name: string
    /** Serial of the board that it is. */
    readonly board?: string
    readonly log?: Log
  },
) => {
  const identity = await openIdentity({ stateFolder: of.stateFolder })
  const { signal } = new AbortController()
  const board = of.board === undefined ? {} : { board: of.board }
  const facts = { nodeName: of.name, hostName: of.name, arch: 'amd64', labels: {}, ...board, signal }
  if (of.token !== undefined) await enrol(identity, { ...facts, token: of.token })
  const link = identity.link()
  const bus = mqttBus({
    addresses: () => identity.membership?.mqtt ?? [],
    tls: identity.tls,
    node: link.node,
    fleet: link.fleetId,
    will: connection => liveMessage({ identity: link, connection, up: false, now: Date.now() }),
    clock: systemClock,
    // Back-off without patience: what is tested is that it comes back, not when.
    random: () => 0.05,
    log: of.log ?? silentLog,
  })
  const hub = await openHubLink({
    bus,
    stateFolder: of.stateFolder,
    identity: link,
    clock: systemClock,
    // Back-off without patience: what is tested is that it comes back, not when.
    random: () => 0.05,
    randomHex: hex,
    bootId: hex(8),
    agentVersion: '0.1.0',
    log: of.log ?? silentLog,
    fetchDocument: (path, mostBytes) =>
      fetchDocument({ addresses: identity.membership?.api ?? [], tls: identity.tls(), path, mostBytes }),
  })
  const say = () => hub.report({ node: { ...readyNode, ...board }, pods: [], presentPodUids: [] })
  hub.onFullReportWanted(() => {
    say().catch(() => {})
  })
  const close = async () => {
    await hub.close()
    await bus.close()
  }
  t.teardown(close)
  return { identity, hub, bus, say, close }
}

const room = { cpu: '4', memory: '4Gi', pods: '110' }

const readyNode = {
  addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
  capacity: room,
  allocatable: room,
  conditions: [{ type: 'Ready', status: 'True', reason: 'AgentReady', message: 'ready' }],
  nodeInfo: {
    architecture: 'amd64',
    bootID: '',
    containerRuntimeVersion: '',
    kernelVersion: '',
    kubeProxyVersion: '',
    kubeletVersion: 'v1.36.0',
    machineID: '',
    operatingSystem: 'linux',
    osImage: '',
    systemUUID: '',
  },
  images: [],
  labels: {},
}
