import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { fetchDocument } from '../../src/agent/fetch-document.ts'
import { openIdentity } from '../../src/agent/identity/open-identity.ts'
import { liveMessage } from '../../src/agent/link/link-identity.ts'
import { mqttBus } from '../../src/agent/link/mqtt-bus.ts'
import { openHubLink } from '../../src/agent/link/open-hub-link.ts'
import { nodeAgent } from '../../src/agent/node-agent.ts'
import { agentVersion } from '../../src/agent/version.ts'
import type { MachineReading } from '../../src/core/nodes/machine.ts'
import { systemClock } from '../../src/lib/clock.ts'
import type { Log } from '../../src/lib/log.ts'
import type { AgentBus } from '../../src/wire/bus.ts'
import { fakePodNetwork } from '../../test/fakes/pod-network.ts'
import { fakeRuntime } from '../../test/fakes/runtime.ts'
import type { MintedNode } from './mint.ts'

/** What a node was seen to do since its start. */
export interface NodeCounts {
  readonly isConnected: boolean
  /** `Date.now()` of the hub's newest answer to a hello; 0: none yet. */
  readonly greetedAt: number
  readonly messagesUp: number
  readonly messagesDown: number
  readonly containersStarted: number
  readonly containersStopped: number
  readonly containersRunning: number
}

export interface SimulatedNode {
  counts(): NodeCounts
  close(): Promise<void>
}

export const simulatedImage = 'localhost/simulated:1'

/**
 * One device: the agent's own code from the MQTT connection to the sync loop, files on tmpfs, wired as
 * src/agent/main.ts does; only engine, pod network and machine are fakes.
 */
export const startSimulatedNode = async (minted: MintedNode, log: Log): Promise<SimulatedNode> => {
  const clock = systemClock
  const random = Math.random
  const { stateFolder } = minted
  const identity = await openIdentity({ stateFolder })
  const own = identity.link()
  const counts = { up: 0, down: 0, greetedAt: 0 }
  const bus = counted(
    mqttBus({
      addresses: () => identity.membership?.mqtt ?? [],
      tls: () => identity.tls(),
      node: own.node,
      fleet: own.fleetId,
      will: connection => liveMessage({ identity: own, connection, up: false, now: clock.now() }),
      clock,
      random,
      log,
    }),
    counts,
  )
  const bootID = randomBytes(8).toString('hex')
  const link = await openHubLink({
    bus,
    stateFolder,
    identity: own,
    clock,
    random,
    randomHex: bytes => randomBytes(bytes).toString('hex'),
    bootId: bootID,
    agentVersion,
    log,
    fetchDocument: (path, mostBytes) =>
      fetchDocument({ addresses: identity.membership?.api ?? [], tls: identity.tls(), path, mostBytes }),
  })
  link.onFullReportWanted(() => {
    counts.greetedAt = Date.now()
  })
  const runtime = fakeRuntime({ images: [simulatedImage] })
  const network = fakePodNetwork()
  const agent = await nodeAgent({
    link,
    runtime,
    network,
    nodeName: own.node,
    stateFolder,
    runFolder: join(stateFolder, 'run'),
    machine: {
      hostname: own.node,
      architecture: 'arm64',
      bootID,
      machineID: own.uid,
      kernelVersion: '6.12',
      osImage: 'Simulated OS',
      board: { model: 'Simulated board', cards: [] },
      canProtectFromOom: false,
    },
    readMachine: simulatedMachine(),
    addresses: async () => [minted.address],
    traffic: async () => undefined,
    telemetrySeconds: 60,
    clock,
    random,
    log,
  })
  const stopCommands = link.onCommand(async command => {
    if (command.action === 'telemetry') agent.watched(command.periodSeconds, command.forSeconds)
    return undefined
  })
  await agent.start()
  const stepsOf = (verb: string): number => runtime.steps.filter(step => step.startsWith(verb)).length
  return {
    counts() {
      const started = stepsOf('start ')
      const stopped = stepsOf('stop ')
      return {
        isConnected: link.isConnected,
        greetedAt: counts.greetedAt,
        messagesUp: counts.up,
        messagesDown: counts.down,
        containersStarted: started,
        containersStopped: stopped,
        containersRunning: started - stopped,
      }
    },
    async close() {
      stopCommands()
      await agent.close()
      await link.close()
      await bus.close()
      await network.close()
      await runtime.close()
    },
  }
}

const counted = (bus: AgentBus, counts: { up: number; down: number }): AgentBus => ({
  get isConnected() {
    return bus.isConnected
  },
  get connection() {
    return bus.connection
  },
  publish(topic, bytes) {
    counts.up += 1
    return bus.publish(topic, bytes)
  },
  publishTelemetry(topic, bytes, retain) {
    if (bus.isConnected) counts.up += 1
    bus.publishTelemetry(topic, bytes, retain)
  },
  publishFrame: bytes => bus.publishFrame(bytes),
  onFrame: listener => bus.onFrame(listener),
  onMessage: listener =>
    bus.onMessage((topic, bytes) => {
      counts.down += 1
      return listener(topic, bytes)
    }),
  onConnection: listener => bus.onConnection(listener),
  close: () => bus.close(),
})

/** A board that lives a little: its load, memory and temperature wander, so that telemetry has something to say. */
const simulatedMachine = (): (() => Promise<MachineReading>) => {
  const begun = performance.now()
  let free = 0.6
  let celsius = 48
  let busy = 0
  let received = 0
  return async () => {
    free = Math.min(0.8, Math.max(0.3, free + (Math.random() - 0.5) * 0.02))
    celsius = Math.min(70, Math.max(40, celsius + (Math.random() - 0.5)))
    busy += 30e9 * 0.05 * Math.random()
    received += 20_000 * Math.random()
    return {
      memory: { totalBytes: 2 ** 30, availableBytes: Math.round(free * 2 ** 30) },
      cpus: 4,
      disk: { totalBytes: 3e10, availableBytes: 2e10, inodes: 2e6, freeInodes: 1.8e6 },
      pids: { most: 32_768, inUse: 120 },
      hasMemoryCgroup: true,
      cards: [],
      temperatureCelsius: Math.round(celsius * 10) / 10,
      cpuNanos: Math.round(busy),
      uptimeSeconds: (performance.now() - begun) / 1000,
      network: { receivedBytes: Math.round(received), sentBytes: Math.round(received / 2) },
    }
  }
}
