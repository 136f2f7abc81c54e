import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { enrol } from '../../src/agent/identity/enrol.ts'
import { openIdentity } from '../../src/agent/identity/open-identity.ts'
import { isFault } from '../../src/api/fault.ts'
import { type KubeClient, kubeClient } from '../../src/cli/kube-client.ts'
import { textAt } from '../../src/cli/shown.ts'
import { mustRun, runProgram } from '../../src/runtime-podman/run-program.ts'
import { type AgentNode, type Fleet, startFleet } from '../../test/fleet/kit.ts'
import type { OwnWorld } from '../../test/fleet/own-world.ts'
import { type MovableClock, movableClock } from './clocks.ts'
import { adminForEver, type Credentials, strangerCertificate } from './forge.ts'
import type { SeenNode } from './judge-round.ts'
import { type Ledger, startLedger } from './ledger.ts'
import { type Load, startLoad } from './load.ts'
import { beaconPort, loadPort, manifests } from './manifests.ts'
import type { Doors, Stranger } from './stranger.ts'

/*
 *   own world: hub on a disk of its own (tmpfs) ── nodes a, b, c: a disk of their own each, real Podman, ten pods
 *      └─ a client at every node's port, a writer of ConfigMaps, strangers; clocks that can be moved
 */

/** All that faults are done to. */
export interface FaultWorld {
  readonly fleet: Fleet
  /** The hub's API for an admin whose certificate never ends. */
  readonly kube: KubeClient
  readonly nodes: readonly AgentNode[]
  node(name: string): AgentNode
  readonly clocks: { readonly hub: MovableClock; readonly of: (node: string) => MovableClock }
  readonly load: Load
  readonly ledger: Ledger
  readonly doors: Doors
  readonly strangers: readonly Stranger[]
  /** The folders that can be filled up. */
  readonly disks: { readonly hub: string; readonly of: (node: string) => string }
  /** What the last look saw: what the next round is compared with. */
  seen: readonly SeenNode[]
  killAgent(node: string): Promise<void>
  startAgent(node: string): void
  powerOff(node: string): Promise<void>
  powerOn(node: string): Promise<void>
  killHub(): Promise<void>
  startHub(): Promise<void>
  /** Starts again what ended by itself, as an init would, and tells of it once. */
  supervise(): Promise<readonly string[]>
  /** Wants the marker of this round; the ConfigMap is mounted in pods on every node. */
  setMarker(value: string, signal: AbortSignal): Promise<void>
  beacon(node: string): string
  close(): Promise<void>
}

const hubDiskMebibytes = 160
const nodeDiskMebibytes = 320
const nodeNames = ['a', 'b', 'c']

/** Ten pods Ready on three nodes, under load. Use it inside `ownWorld` only. */
export const startFaultWorld = async (world: OwnWorld): Promise<FaultWorld> => {
  const mounts: string[] = []
  const mountDisk = async (folder: string, mebibytes: number): Promise<void> => {
    await mustRun(['mkdir', '-p', folder])
    await mustRun(['mount', '-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', folder])
    mounts.push(folder)
  }
  const hubFolder = join(world.folder, 'hub')
  const diskOf = (node: string) => join(world.folder, 'nodes', node)
  await mountDisk(hubFolder, hubDiskMebibytes)
  for (const name of nodeNames) await mountDisk(diskOf(name), nodeDiskMebibytes)
  const hubClock = movableClock(join(world.folder, 'clock-hub'))
  const clocks = new Map(nodeNames.map(name => [name, movableClock(join(world.folder, `clock-${name}`))] as const))
  const clockOf = (name: string): MovableClock => {
    const clock = clocks.get(name)
    if (clock === undefined) throw new Error(`no node ${name}`)
    return clock
  }

  const fleet = await startFleet(world, [], { hub: hubClock.env, agent: name => clockOf(name).env })
  const admin = adminForEver(hubFolder)
  const kube = kubeClient({
    ...{ name: 'rounds', server: fleet.kube.server, namespace: 'default', token: undefined },
    ...{ ca: admin.ca, cert: admin.certificate, key: admin.key },
  })
  const strangers = await makeStrangers(world, fleet, kube)
  for (const name of nodeNames) await fleet.addNode(name, ['--keep-alive-seconds', '4'])

  const meant = new Set(nodeNames)
  let isHubMeant = true
  const ends = new Map<string, string>()
  const node = (name: string): AgentNode => {
    const found = fleet.nodes.find(one => one.name === name)
    if (found === undefined) throw new Error(`no node ${name}`)
    return found
  }
  const watchAgent = (name: string): void => {
    const agent = node(name).agent()
    void agent.exited.then(code => {
      if (meant.has(name) && node(name).agent() === agent)
        ends.set(name, `the agent of ${name} ended with ${code}: ${agent.output().slice(-2000)}`)
    })
  }
  for (const name of nodeNames) watchAgent(name)

  const startAgent = (name: string): void => {
    node(name).startAgent()
    meant.add(name)
    watchAgent(name)
  }
  const startHub = async (): Promise<void> => {
    await fleet.startHub()
    isHubMeant = true
  }

  await writeMarker(kube, '0')
  await fleet.mustDunlin(['apply', '-f', '-', '--wait', '--timeout', '170s'], manifests())
  const load = startLoad({
    urls: fleet.nodes.map(one => `http://${one.machine.address}:${loadPort}/`),
    everyMs: 40,
    timeoutMs: 5000,
  })
  const ledger = startLedger({ kube: () => kube, everyMs: 100 })
  const beacon = (name: string): string => `http://${node(name).machine.address}:${beaconPort}/marker/round`

  return {
    fleet,
    kube,
    nodes: fleet.nodes,
    node,
    clocks: { hub: hubClock, of: clockOf },
    load,
    ledger,
    doors: {
      host: fleet.lan.address,
      mqttPort: 8883,
      apiPort: 6443,
      ca: admin.ca,
      fleet: fleetIdOf(strangers.membership),
    },
    strangers: strangers.list,
    disks: { hub: hubFolder, of: diskOf },
    seen: [],
    async killAgent(name) {
      meant.delete(name)
      await node(name).killAgent()
    },
    startAgent,
    async powerOff(name) {
      meant.delete(name)
      await node(name).machine.powerOff()
    },
    async powerOn(name) {
      await node(name).machine.powerOn()
      startAgent(name)
    },
    async killHub() {
      isHubMeant = false
      await fleet.killHub()
    },
    startHub,
    async supervise() {
      const ended = [...ends.values()]
      for (const name of ends.keys()) if (node(name).machine.isOn) startAgent(name)
      ends.clear()
      if (isHubMeant && fleet.hub().hasEnded) {
        ended.push(`the hub ended: ${fleet.hub().tail()}`)
        await startHub()
      }
      return ended
    },
    async setMarker(value, signal) {
      while (!signal.aborted) {
        try {
          return await writeMarker(kube, value)
        } catch {
          // No hub, or a full one: it is wanted again until it is taken.
          await sleep(200)
        }
      }
    },
    beacon,
    async close() {
      meant.clear()
      isHubMeant = false
      await Promise.all([load.close(), ledger.close()])
      kube.close()
      for (const one of fleet.nodes) await one.machine.powerOff()
      await fleet.hub().stop(5000)
      for (const folder of mounts.toReversed()) {
        const done = await runProgram(['umount', folder])
        if (done.code !== 0) await runProgram(['umount', '--lazy', folder])
      }
      await fleet.close()
      rmSync(hubFolder, { recursive: true, force: true })
    },
  }
}

const markers = '/api/v1/namespaces/default/configmaps'

const writeMarker = async (kube: KubeClient, value: string): Promise<void> => {
  const data = { round: value }
  const signal = AbortSignal.timeout(5000)
  try {
    const patch = { body: { data }, contentType: 'application/merge-patch+json', signal }
    await kube.request('PATCH', `${markers}/marker`, patch)
  } catch (error) {
    if (!isFault(error, 'NotFound')) throw error
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'marker' }, data }
    await kube.request('POST', markers, { body, signal })
  }
}

/** Nobody, somebody of another authority, and a device that was removed. */
const makeStrangers = async (
  world: OwnWorld,
  fleet: Fleet,
  kube: KubeClient,
): Promise<{ readonly list: readonly Stranger[]; readonly membership: unknown }> => {
  const stateFolder = join(world.folder, 'thief')
  const made = await kube.request('POST', '/dunlin/v1/join-tokens', { body: { ttlSeconds: 600, node: 'thief' } })
  const identity = await openIdentity({ stateFolder })
  const membership = await enrol(identity, {
    token: textAt(made, 'token') ?? '',
    hostName: 'thief',
    arch: 'amd64',
    labels: {},
    signal: AbortSignal.timeout(20_000),
  })
  await fleet.mustDunlin(['nodes', 'remove', 'thief'])
  const { cert, key } = identity.tls()
  const removed: Credentials = { certificate: cert, key }
  return {
    membership,
    list: [
      { who: 'nobody', credentials: undefined, node: 'a' },
      { who: 'a device of another authority', credentials: strangerCertificate('a'), node: 'a' },
      { who: 'a device that was removed', credentials: removed, node: 'thief' },
    ],
  }
}

const fleetIdOf = (membership: unknown): string => textAt(membership, 'fleet') ?? ''
