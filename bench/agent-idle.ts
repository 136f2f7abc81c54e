import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { agentEnvironment, agentFlags } from '../scripts/agent-launch.ts'
import { ownWorld } from '../test/fleet/own-world.ts'
import { median, report } from './measure.ts'
import { pidsOf, readProcess } from './soak/read-process.ts'

/*
 * An idle agent, as it ships (bundled) and from sources, with no pod and with ten: proportional set size and anonymous memory
 * (MiB), and CPU (per cent of one core, over a minute). The baseline of the memory is a Node process that does nothing.
 * Each runs a Node binary that no other process runs, so that nothing is shared with the hub, as on a device.
 */
const world = ownWorld(import.meta.filename)
const { podsReady, startFleet, until } = await import('../test/fleet/kit.ts')
const { ownNode, startBundle } = await import('./kit-agent.ts')

const idleSeconds = 60
/** The Node of the distribution, where it has one: what devices run. */
const installed = '/usr/bin/node'

interface Reading {
  readonly pss: number
  readonly anonymous: number
  readonly cpuPercent: number
}

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

const measured = (pid: number) => {
  const reading = readProcess(pid)
  if (reading === undefined) throw new Error(`process ${pid} has ended`)
  return reading
}

const read = async (pid: number): Promise<Reading> => {
  await pause(20_000)
  const before = measured(pid).cpuMs
  const samples: { pss: number; anonymous: number }[] = []
  for (let second = 0; second < idleSeconds; second += 5) {
    await pause(5000)
    const { pss, anonymous } = measured(pid)
    samples.push({ pss: pss / 1024, anonymous: anonymous / 1024 })
  }
  return {
    pss: median(samples.map(one => one.pss)),
    anonymous: median(samples.map(one => one.anonymous)),
    cpuPercent: (measured(pid).cpuMs - before) / idleSeconds / 10,
  }
}

const fleet = await startFleet(world)
const readings = new Map<string, Reading>()
const measure = async (name: string, pid: number): Promise<void> => {
  readings.set(name, await read(pid))
}

/** A Node that does nothing, with the agent's flags. */
const bare = async (name: string, binary: string): Promise<void> => {
  const child: ChildProcess = spawn(binary, [...agentFlags, '-e', 'setInterval(() => {}, 1e9)'], {
    stdio: 'ignore',
    env: { ...process.env, ...agentEnvironment },
  })
  await measure(name, child.pid ?? 0)
  child.kill()
}

const tenPods = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: idle }
spec:
  replicas: 10
  selector: { matchLabels: { app: idle } }
  template:
    metadata: { labels: { app: idle } }
    spec:
      containers:
        - name: idle
          image: localhost/dunlin/hello:1
          command: [sleep, '100000']
          resources: { requests: { cpu: 1m, memory: 4Mi } }
      terminationGracePeriodSeconds: 0
`

try {
  const binary = ownNode(world)
  await bare('Node that does nothing', binary)
  const node = await fleet.addNode('a')
  const fromSources = await until('the agent from sources', () =>
    pidsOf(words => words.includes('agent') && words.includes(`${node.machine.disk}/agent`)).find(
      pid => measured(pid).pss > 20_000,
    ),
  )
  await measure('agent from sources, 0 pods', fromSources)
  const plain = await startBundle(node, { binary })
  await measure('agent bundled, 0 pods', plain.pid)
  await fleet.mustDunlin(['apply', '-f', '-', '--wait', '--timeout', '120s'], tenPods)
  await podsReady(fleet, 'app=idle', 10)
  await measure('agent bundled, 10 pods', plain.pid)
  await plain.stop()
  const uncared = await startBundle(node, { binary, flags: [], env: { MALLOC_ARENA_MAX: '', UV_THREADPOOL_SIZE: '' } })
  await measure('the same without our flags', uncared.pid)
  await uncared.stop()
  if (existsSync(installed)) {
    const version = execFileSync(installed, ['--version'], { encoding: 'utf8' }).trim()
    const older = await startBundle(node, { binary: ownNode(world, installed) })
    await measure(`agent bundled, 10 pods, Node ${version}`, older.pid)
    await older.stop()
  }
} finally {
  await fleet.close()
}
const baseline = readings.get('Node that does nothing')
const rows = (field: keyof Reading) =>
  [...readings].map(([name, one]) => ({
    name,
    median: one[field],
    min: one[field],
    max: one[field],
    values: [one[field]],
    ...(field === 'cpuPercent' ? {} : { ratio: one[field] / (baseline?.[field] ?? Number.NaN) }),
  }))
const about = { flags: agentFlags, environment: agentEnvironment }
report('agent idle PSS', 'MiB', rows('pss'), about)
report('agent idle anonymous memory', 'MiB', rows('anonymous'), about)
report('agent idle CPU', 'per cent of one core', rows('cpuPercent'), about)
process.exit(0)
