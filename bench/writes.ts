import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { fileURLToPath } from 'node:url'
import { ownWorld } from '../test/fleet/own-world.ts'
import { traceDirty } from './kit-dirty.ts'
import { ownDisk } from './kit-disk.ts'
import { pidsOf } from './soak/read-process.ts'

/*
 * What is written to a node's disk, by its store: one pod's life, a restart, a change of readiness, exec probes, and nothing at all.
 * Each node has a disk of its own (ext4, noatime, a commit every 5 s), and what the block device takes is counted, journal
 * included; beside it the pages that each program made dirty, by the kernel's trace. Both nodes are measured at once.
 */
const world = ownWorld(import.meta.filename)
const { containersOf, isReady, podsOf, podsReady, startFleet, until } = await import('../test/fleet/kit.ts')
const { ownNode, startBundle } = await import('./kit-agent.ts')

const modes = ['disk', 'memory'] as const
type Mode = (typeof modes)[number]

const lives = 10
const flips = 6
const restarts = 5
const quietSeconds = 180

const pause = (seconds: number): Promise<void> => new Promise(resolve => setTimeout(resolve, seconds * 1000))

const disks = { disk: ownDisk(`${world.folder}/nodes/disk`, 768), memory: ownDisk(`${world.folder}/nodes/memory`, 768) }
const trace = traceDirty(modes.map(mode => disks[mode].device))
const fleet = await startFleet(world)

const pod = (mode: Mode, name: string, container: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}-${mode}, labels: { app: ${name} } }
spec:
  nodeName: ${mode}
  terminationGracePeriodSeconds: 0
  containers:
    - name: main
      image: localhost/dunlin/hello:1
      resources: { requests: { cpu: 1m, memory: 4Mi } }
${container.replaceAll(/^/gm, '      ')}
`

const apply = (name: string, container: string): Promise<string> =>
  fleet.mustDunlin(['apply', '-f', '-'], modes.map(mode => pod(mode, name, container)).join('---'))

const remove = async (name: string): Promise<void> => {
  for (const mode of modes) await fleet.kube.request('DELETE', `/api/v1/namespaces/default/pods/${name}-${mode}`)
  await podsReady(fleet, `app=${name}`, 0)
}

interface Row {
  readonly what: string
  readonly mode: Mode
  readonly times: number
  readonly seconds: number
  readonly deviceBytes: number
  readonly deviceWrites: number
  readonly programs: { readonly [name: string]: number }
}
const rows: Row[] = []

/** Lets what came before settle, acts, and lets what comes of it settle. */
const measure = async (what: string, times: number, act: () => Promise<void>): Promise<void> => {
  await pause(12)
  const before = modes.map(mode => ({ bytes: disks[mode].writtenBytes(), writes: disks[mode].writes() }))
  for (const mode of modes) trace?.taken(disks[mode].device)
  const started = performance.now()
  await act()
  await pause(8)
  const seconds = (performance.now() - started) / 1000
  for (const [index, mode] of modes.entries()) {
    const programs = Object.fromEntries(trace?.taken(disks[mode].device) ?? [])
    const deviceBytes = disks[mode].writtenBytes() - (before[index]?.bytes ?? 0)
    const row = {
      what,
      mode,
      times,
      seconds,
      deviceBytes,
      deviceWrites: disks[mode].writes() - (before[index]?.writes ?? 0),
      programs,
    }
    rows.push(row)
    process.stdout.write(
      `${what}, store ${mode}: ${(deviceBytes / 1024 / times).toFixed(1)} KiB each in ${(row.deviceWrites / times).toFixed(1)} writes; made dirty: ${JSON.stringify(Object.fromEntries(Object.entries(programs).map(([name, bytes]) => [name, `${(bytes / 1024 / times).toFixed(1)} KiB`])))}\n`,
    )
  }
}

const sleeper = "command: [sleep, '100000']"
const readyEach = (wanted: boolean): Promise<true> =>
  until(`both pods being ${wanted ? 'ready' : 'unready'}`, async () => {
    const pods = await podsOf(fleet, 'app=flips')
    return pods.length === modes.length && pods.every(one => isReady(one) === wanted) ? (true as const) : undefined
  })

try {
  const binary = ownNode(world)
  const agents = []
  for (const mode of modes) {
    const node = await fleet.addNode(mode, ['--store', mode])
    agents.push(await startBundle(node, { binary, words: ['--store', mode] }))
  }
  await apply('first', sleeper)
  await podsReady(fleet, 'app=first', modes.length)

  await measure('a pod’s whole life', lives, async () => {
    for (let life = 0; life < lives; life += 1) {
      await apply('life', sleeper)
      await podsReady(fleet, 'app=life', modes.length)
      await remove('life')
    }
  })

  const probe = (exec: string): string => `${sleeper}\nreadinessProbe: { periodSeconds: 1, exec: { command: ${exec} } }`
  await apply('probed', probe("['true']"))
  await podsReady(fleet, 'app=probed', modes.length)
  await measure('an exec probe', 52, () => pause(44))
  await remove('probed')

  const flag = `volumeMounts: [{ name: flag, mountPath: /flag }]`
  const flipping = modes.map(mode =>
    pod(
      mode,
      'flips',
      `command: [sleep, '86399']\nreadinessProbe: { periodSeconds: 1, failureThreshold: 1, exec: { command: [test, "!", -e, /flag/away] } }\n${flag}`,
    ).concat('  volumes: [{ name: flag, emptyDir: { medium: Memory } }]\n'),
  )
  await fleet.mustDunlin(['apply', '-f', '-'], flipping.join('---'))
  await podsReady(fleet, 'app=flips', modes.length)
  const flags = pidsOf(words => words[0] === 'sleep' && words[1] === '86399').map(pid => `/proc/${pid}/root/flag/away`)
  await measure('a change of readiness', 2 * flips, async () => {
    const { rmSync } = await import('node:fs')
    for (let flip = 0; flip < flips; flip += 1) {
      for (const path of flags) writeFileSync(path, '')
      await readyEach(false)
      for (const path of flags) rmSync(path)
      await readyEach(true)
    }
  })
  await remove('flips')

  await apply('crashes', "command: [sh, -c, 'sleep 1; exit 1']")
  const restartsOf = async (): Promise<number> => {
    const counts = [...(await containersOf(fleet, 'app=crashes')).values()].map(one =>
      Number(/restarts (\d+)/.exec(one)?.[1] ?? 0),
    )
    return counts.length < modes.length ? 0 : Math.min(...counts)
  }
  await until('the first restart', async () => ((await restartsOf()) >= 1 ? true : undefined))
  const already = await restartsOf()
  await measure('a restart of a container that crashes', restarts - already, async () => {
    await until(`${restarts} restarts`, async () => ((await restartsOf()) >= restarts ? true : undefined), 400)
  })
  await remove('crashes')

  // What was put off for a while comes first.
  await pause(60)
  await measure('a second of idling', quietSeconds + 8, () => pause(quietSeconds))
  for (const one of agents) await one.stop()
} finally {
  trace?.close()
  for (const node of fleet.nodes) await node.machine.powerOff()
  for (const mode of modes) disks[mode].close()
  await fleet.close()
}

/** k8s: at once, then after 10 s, 20 s, 40 s, 80 s, 160 s, and every 5 minutes. */
const restartsInAnHour = 1 + 5 + Math.floor((3600 - 310) / 300)
const of = (what: string, mode: Mode): Row => {
  const row = rows.find(one => one.what === what && one.mode === mode)
  if (row === undefined) throw new Error(`${what} was not measured`)
  return row
}
const cell = (bytes: number): string =>
  bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1024).toFixed(1)} KiB`
const sum = (programs: Row['programs']): string =>
  Object.entries(programs)
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, bytes]) => `${name} ${cell(bytes)}`)
    .join(', ')
const line = (name: string, what: string, factor: number): string =>
  `| ${name} | ${modes
    .map(mode => {
      const row = of(what, mode)
      const share = factor / row.times
      return `${cell(row.deviceBytes * share)} | ${sum(Object.fromEntries(Object.entries(row.programs).map(([program, bytes]) => [program, bytes * share]))) || 'nobody'}`
    })
    .join(' | ')} |`
process.stdout.write(
  [
    '',
    '| | store `disk`: block device | by program | store `memory`: block device | by program |',
    '|---|---|---|---|---|',
    line('a pod’s whole life', 'a pod’s whole life', 1),
    line('an exec probe', 'an exec probe', 1),
    line('a restart of a container that crashes', 'a restart of a container that crashes', 1),
    line(
      `an hour of crashing (${restartsInAnHour} restarts, extrapolated)`,
      'a restart of a container that crashes',
      restartsInAnHour,
    ),
    line('a change of readiness', 'a change of readiness', 1),
    line('a day of changes, one in five minutes (extrapolated)', 'a change of readiness', 288),
    line(`a day of idling (extrapolated from ${quietSeconds} s)`, 'a second of idling', 86_400),
    '',
  ].join('\n'),
)
const folder = fileURLToPath(new URL('./results/', import.meta.url))
mkdirSync(folder, { recursive: true })
const machine = { cpus: cpus().length, model: cpus()[0]?.model, kernel: release(), node: process.versions.node }
writeFileSync(
  `${folder}writes.json`,
  `${JSON.stringify({ bench: 'writes', date: new Date().toISOString(), command: 'npm run bench -- writes', machine, isTraced: trace !== undefined, rows }, null, 2)}\n`,
)
process.exit(0)
