import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describeError, Fault } from '../api/fault.ts'
import type { Clock } from '../lib/clock.ts'
import { makeFolderDurably } from '../lib/durable-file.ts'
import type { Log } from '../lib/log.ts'
import { noSupervisor, type Supervisor } from '../lib/supervisor.ts'
import { podNetwork } from '../netproxy/pod-network.ts'
import { podmanRuntime } from '../runtime-podman/podman-runtime.ts'
import type { Command } from '../wire/payloads.ts'
import type { AgentConfig } from './config.ts'
import { fetchDocument } from './fetch-document.ts'
import { isJoinedBy, openFirstBoot } from './first-boot/open-first-boot.ts'
import { keepRenewed } from './identity/keep-renewed.ts'
import { openIdentity } from './identity/open-identity.ts'
import { joinHub } from './join-hub.ts'
import { liveMessage } from './link/link-identity.ts'
import { mqttBus } from './link/mqtt-bus.ts'
import { openHubLink } from './link/open-hub-link.ts'
import { noNetwork } from './no-network.ts'
import { hostAddresses, machineIdentity } from './node/machine-identity.ts'
import { findBoard } from './node/read-board.ts'
import { readMachine, trafficOf } from './node/read-machine.ts'
import { textOf } from './node/text-of.ts'
import { nodeAgent } from './node-agent.ts'
import type { OwnLog } from './own-log.ts'
import { podVolumes } from './pods/volumes.ts'
import { agentVersion } from './version.ts'

/*
 *   identity (joins with its token, once) ──> engine, network ──> link: what is on disk ──> node agent
 *                                                                   │
 *                                                    MQTT in the background, for ever
 */

export interface RunningAgent {
  readonly nodeName: string
  /** Writes what is known and leaves; containers run on, and the kernel keeps forwarding. */
  close(): Promise<void>
}

/**
 * Starts the agent of this machine. Resolves when every pod was looked at once, with or without a hub.
 * The end of `signal` closes it.
 *
 * @throws Fault Machine when this device has not joined and has no token, or cannot use its folders; what the hub says
 *   to a token
 * @example const agent = await startAgent(readAgentConfig(…), { log, clock: systemClock, random: Math.random, signal })
 */
export const startAgent = async (
  config: AgentConfig,
  of: {
    readonly log: Log
    readonly clock: Clock
    readonly random: () => number
    readonly signal: AbortSignal
    /** Who wants signs of life; absent: nobody. */
    readonly supervisor?: Supervisor
    /** What was logged, for those who ask for it. Absent: the device has a journal. */
    readonly ownLog?: OwnLog
  },
): Promise<RunningAgent> => {
  const { log, clock, random, signal, supervisor = noSupervisor } = of
  const { stateFolder, runFolder } = config
  for (const folder of [stateFolder, runFolder]) await makeFolder(folder)
  const [machine, board] = [await machineIdentity(), await findBoard()]
  const identity = await openIdentity({ stateFolder })
  const firstBoot = await openFirstBoot(stateFolder, log)
  const membership = await joinHub(identity, {
    failed: firstBoot?.failed,
    token: config.joinToken,
    stateFolder,
    runFolder,
    ...(config.nodeName === undefined ? {} : { nodeName: config.nodeName }),
    hostName: machine.hostname,
    arch: machine.architecture,
    labels: labelsOf(config),
    ...(machine.board.serial === undefined ? {} : { board: machine.board.serial }),
    signal,
    tried: () => supervisor.beat(),
    clock,
    random,
    log,
  })
  const nodeName = membership.node.name
  await firstBoot?.joined({ node: nodeName, isNew: isJoinedBy(config.joinToken, identity) })
  const ownLog = log.with({ node: nodeName })
  const api = (): readonly string[] => (config.hubs.length > 0 ? config.hubs : (identity.membership?.api ?? []))
  const mqtt = (): readonly string[] => (config.hubs.length > 0 ? config.hubs : (identity.membership?.mqtt ?? []))

  const { runtime, network } = engineAndNetwork(config, nodeName, { clock, random, log: ownLog })
  const linkIdentity = identity.link()
  const renewNow = async (): Promise<string> => {
    const { renew } = await import('./identity/enrol.ts')
    await renew(identity, signal)
    return 'renewed'
  }
  const renewal = keepRenewed({
    identity,
    isConnected: () => bus.isConnected,
    renew: renewNow,
    clock,
    random,
    log: ownLog,
  })
  const bus = mqttBus({
    addresses: mqtt,
    tls: () => identity.tls(),
    node: nodeName,
    fleet: membership.fleet,
    keepAliveSeconds: config.keepAliveSeconds,
    onRefused: renewal.refused,
    will: connection => liveMessage({ identity: linkIdentity, connection, up: false, now: clock.now() }),
    clock,
    random,
    log: ownLog,
  })
  bus.onConnection(isConnected => {
    if (isConnected) renewal.admitted()
  })
  const link = await openHubLink({
    bus,
    stateFolder,
    runFolder,
    identity: linkIdentity,
    clock,
    random,
    randomHex: bytes => randomBytes(bytes).toString('hex'),
    bootId: machine.bootID,
    agentVersion,
    log: ownLog,
    fetchDocument: (path, mostBytes) => fetchDocument({ addresses: api(), tls: identity.tls(), path, mostBytes }),
  })
  const agent = await nodeAgent({
    link,
    runtime,
    network,
    nodeName,
    stateFolder,
    runFolder,
    machine,
    readMachine: () => readMachine({ stateFolder, board }),
    addresses: hostAddresses,
    traffic: async pid => {
      const text = await textOf(`/proc/${pid}/net/dev`)
      return text === undefined ? undefined : trafficOf(text)
    },
    hardwareLabels: async () => {
      const { inventoryLabels, readInventory } = await import('./node/inventory.ts')
      return inventoryLabels(await readInventory({ runFolder, bootId: machine.bootID }))
    },
    telemetrySeconds: config.telemetrySeconds,
    beat: supervisor,
    clock,
    random,
    log: ownLog,
  })

  /** Loaded with the first session: most agents serve one a day. */
  let sessions: import('./sessions/serve-sessions.ts').Sessions | undefined
  let device: import('./sessions/device-services.ts').DeviceServices | undefined
  const dial = async (command: Extract<Command, { readonly action: 'dial' }>): Promise<string> => {
    const { serveSessions } = await import('./sessions/serve-sessions.ts')
    const { podServices } = await import('./sessions/pod-services.ts')
    const { deviceServices } = await import('./sessions/device-services.ts')
    device ??= deviceServices({
      policyPath: config.policy ?? join(stateFolder, 'policy.yaml'),
      allowShell: () => identity.membership?.allowShell ?? false,
      ownLog: of.ownLog,
      clock,
      log: ownLog,
    })
    const pods = podServices({
      runtime,
      logs: (request, ended) => agent.logs(request, ended),
      podAddress: uid => agent.podAddress(uid),
    })
    sessions ??= serveSessions({
      tls: () => identity.tls(),
      addresses: api,
      bus,
      serve: { ...pods, ...device.services },
      clock,
      log: ownLog,
    })
    return await sessions.dial(command)
  }
  const stopCommands = link.onCommand(async command => {
    if (command.action === 'dial') return await dial(command)
    if (command.action === 'renew') return await renewNow()
    agent.watched(command.periodSeconds, command.forSeconds)
    return undefined
  })

  let closing: Promise<void> | undefined
  const close = (): Promise<void> => {
    closing ??= (async () => {
      renewal.close()
      stopCommands()
      sessions?.close()
      device?.close()
      await agent.close()
      await link.close()
      await bus.close()
      if (config.onExit === 'take-down') {
        const { takeDown } = await import('./take-down.ts')
        await takeDown({ runtime, network, volumes: podVolumes({ stateFolder, runFolder }) })
      }
      await network.close()
      await runtime.close()
    })()
    return closing
  }
  signal.addEventListener('abort', () => {
    close().catch((error: unknown) => ownLog.error('the agent did not end in order', { why: describeError(error) }))
  })

  if (config.imagesFolder !== undefined) {
    const { preloadImages } = await import('./preload-images.ts')
    await preloadImages({ folder: config.imagesFolder, runtime, stateFolder, log: ownLog })
  }
  await agent.start()
  ownLog.info('the agent runs', { version: agentVersion, connected: link.isConnected })
  return { nodeName, close }
}

const engineAndNetwork = (
  config: AgentConfig,
  nodeName: string,
  { clock, random, log }: { readonly clock: Clock; readonly random: () => number; readonly log: Log },
) => {
  const runtime = podmanRuntime({
    engine: {
      podman: config.podman,
      stateFolder: join(config.stateFolder, 'engine'),
      cgroupParent: config.cgroupParent,
      ...(config.ociRuntimes.length === 0 ? {} : { ociRuntimes: config.ociRuntimes }),
      ...(config.certsFolder === undefined ? {} : { certsFolder: config.certsFolder }),
    },
    runFolder: config.runFolder,
    logFolder: join(config.stateFolder, 'logs'),
    storeMode: config.storeMode,
    clock,
    log,
  })
  const network =
    config.network === 'off'
      ? noNetwork()
      : podNetwork({
          stateFolder: join(config.stateFolder, 'network'),
          runFolder: join(config.runFolder, 'network'),
          node: { name: nodeName },
          ...(config.lanInterface === undefined ? {} : { lanInterface: config.lanInterface }),
          clock,
          random,
          log,
        })
  return { runtime, network }
}

/**
 * Ends every pod of this device and takes away what the agent made on the machine, while no agent runs. Images and the
 * agent's own state stay.
 *
 * @throws AggregateError naming what was left
 */
export const takeDownAgent = async (
  config: AgentConfig,
  of: { readonly clock: Clock; readonly random: () => number; readonly log: Log },
): Promise<void> => {
  const { runtime, network } = engineAndNetwork(config, hostname(), of)
  try {
    const { takeDown } = await import('./take-down.ts')
    await takeDown({ runtime, network, volumes: podVolumes(config) })
  } finally {
    await network.close()
    await runtime.close()
  }
}

const makeFolder = async (folder: string): Promise<void> => {
  try {
    await makeFolderDurably(folder)
  } catch (error) {
    throw new Fault('Machine', `the folder ${folder} cannot be made: run the agent as root, or name another`, {}, error)
  }
}

const labelsOf = (config: AgentConfig): { readonly [key: string]: string } =>
  Object.fromEntries(
    config.labels.map(label => {
      const at = label.indexOf('=')
      return [label.slice(0, at), label.slice(at + 1)]
    }),
  )
