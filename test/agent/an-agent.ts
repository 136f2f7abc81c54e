import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type NodeAgent, nodeAgent } from '../../src/agent/node-agent.ts'
import type { Assignment } from '../../src/core/nodes/assignment.ts'
import type { MachineReading } from '../../src/core/nodes/machine.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import { type ManualClock, manualClock } from '../fakes/clock.ts'
import { type FakeHubLink, fakeHubLink } from '../fakes/hub-link.ts'
import { type FakePodNetwork, fakePodNetwork } from '../fakes/pod-network.ts'
import { type FakeRuntime, fakeRuntime } from '../fakes/runtime.ts'

/** A whole agent on a fake engine, a fake network and a hub that the test plays. Time stands still. */
export interface TestAgent {
  readonly clock: ManualClock
  readonly runtime: FakeRuntime
  readonly network: FakePodNetwork
  /** Wall time is off by this; monotonic time is not. */
  readonly wall: { offsetMs: number }
  readonly folders: { readonly stateFolder: string; readonly runFolder: string }
  link: FakeHubLink
  /** What the machine says; a test changes it. */
  readonly machine: { now: MachineReading }
  agent: NodeAgent
  /** Waits until nothing is to do now. */
  settle(): Promise<void>
  /** Moves time on, and settles. */
  pass(seconds: number): Promise<void>
  /** The agent is gone from one moment to the next, and another begins on what it left. */
  restart(assignment?: Assignment): Promise<void>
  /** Power loss: the engine forgets what ran, the tmpfs is empty; then the agent starts, without a hub. */
  reboot(): Promise<void>
  /** Steps of the engine since the last call. */
  steps(): readonly string[]
}

export const aMachine = (change: Partial<MachineReading> = {}): MachineReading => ({
  memory: { totalBytes: 1 << 30, availableBytes: 1 << 29 },
  cpus: 4,
  disk: { totalBytes: 1e10, availableBytes: 5e9, inodes: 1e6, freeInodes: 9e5 },
  pids: { most: 32_768, inUse: 100 },
  hasMemoryCgroup: true,
  cards: [],
  cpuNanos: 0,
  uptimeSeconds: 100,
  network: { receivedBytes: 0, sentBytes: 0 },
  ...change,
})

export const anAgent = async (
  t: { teardown(act: () => Promise<void>): void },
  of: {
    readonly assignment?: Assignment
    readonly images?: readonly string[]
    readonly storeMode?: 'disk' | 'memory'
  } = {},
): Promise<TestAgent> => {
  const root = await mkdtemp(join(tmpdir(), 'dunlin-agent-'))
  const folders = { stateFolder: join(root, 'state'), runFolder: join(root, 'run') }
  const clock = manualClock()
  const wall = { offsetMs: 0 }
  const shifted: Clock = {
    now: () => clock.now() + wall.offsetMs,
    monotonic: () => clock.monotonic(),
    after: (ms, act) => clock.after(ms, act),
  }
  const runtime = fakeRuntime({
    images: of.images ?? ['localhost/dunlin/hello:1'],
    clock: shifted,
    ...(of.storeMode === undefined ? {} : { storeMode: of.storeMode }),
  })
  const network = fakePodNetwork()
  let seen = 0
  const machine = { now: aMachine() }

  const begin = async (link: FakeHubLink): Promise<NodeAgent> => {
    const agent = await nodeAgent({
      link,
      runtime,
      network,
      nodeName: 'node-1',
      ...folders,
      machine: {
        hostname: 'node-1',
        architecture: 'arm64',
        bootID: 'boot-1',
        machineID: 'machine-1',
        kernelVersion: '6.12',
        osImage: 'Test OS',
        board: { model: 'Raspberry Pi 4 Model B Rev 1.4', cards: [] },
        canProtectFromOom: false,
      },
      readMachine: async () => machine.now,
      addresses: async () => ['192.168.1.7'],
      traffic: async () => ({ receivedBytes: 1000, sentBytes: 500 }),
      hardwareLabels: async () => ({ 'dunlin.io/cpu': 'Cortex-A72' }),
      telemetrySeconds: 60,
      clock: shifted,
      random: () => 0.5,
      log: silentLog,
    })
    await agent.start()
    return agent
  }

  const firstLink = fakeHubLink(of.assignment === undefined ? {} : { assignment: of.assignment })
  const test: TestAgent = {
    clock,
    runtime,
    network,
    wall,
    folders,
    link: firstLink,
    machine,
    agent: await begin(firstLink),
    async settle() {
      for (let rounds = 0; rounds < 5; rounds += 1) {
        await test.agent.idle()
        await clock.advance(5)
      }
      await test.agent.idle()
    },
    async pass(seconds) {
      for (let left = seconds; left > 0; left -= 1) {
        await clock.advance(Math.min(1, left) * 1000)
        await test.agent.idle()
      }
      await test.settle()
    },
    async restart(assignment) {
      // What is under way is left; only files and the engine remain.
      await test.pass(3)
      await test.agent.close()
      const known = assignment ?? test.link.assignment()
      test.link = fakeHubLink(known === undefined ? {} : { assignment: known })
      test.agent = await begin(test.link)
      await test.settle()
    },
    async reboot() {
      await test.agent.close()
      runtime.reboot()
      network.reboot()
      await rm(folders.runFolder, { recursive: true, force: true })
      const known = test.link.assignment()
      test.link = fakeHubLink(known === undefined ? {} : { assignment: known })
      test.agent = await begin(test.link)
      await test.settle()
    },
    steps() {
      const fresh = runtime.steps.slice(seen)
      seen = runtime.steps.length
      return fresh
    },
  }

  t.teardown(async () => {
    await test.agent.close()
    await runtime.close()
    await rm(root, { recursive: true, force: true, maxRetries: 5 })
  })
  await test.settle()
  return test
}
