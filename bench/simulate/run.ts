import { mkdirSync, openSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { simulatedHub } from './hub.ts'
import { mintFleet } from './mint.ts'
import { simulatedNodes } from './nodes.ts'
import { readOptions, usage } from './options.ts'
import { ownNetwork } from './own-network.ts'
import { type Played, play, until } from './play.ts'
import { type Scene, scenarios } from './scenarios.ts'
import { watched } from './watched.ts'

/*
 * npm run simulate: a real hub process on one core, and many nodes that run the agent's own code over real MQTT and TLS.
 *
 *   this process: mints, plays, watches the API ──> hub (one core) <══ MQTT, TLS ══ processes of some 1,250 nodes each
 */

const options = (() => {
  try {
    return readOptions(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}`)
    process.exit(2)
  }
})()
const network = ownNetwork(import.meta.filename)
const begun = performance.now()
const say = (line: string): void => {
  process.stdout.write(`${((performance.now() - begun) / 1000).toFixed(1).padStart(7)} s  ${line}\n`)
}
if (options.profiles !== undefined) mkdirSync(options.profiles, { recursive: true })

const hubFolder = join(network.folder, 'hub')
let saidAt = performance.now()
const minted = await mintFleet({
  hubFolder,
  memoryFolder: network.memoryFolder,
  nodes: options.nodes,
  sites: options.sites,
  told(done) {
    if (performance.now() - saidAt < 5000) return
    saidAt = performance.now()
    say(`  ${done} of ${options.nodes} nodes have joined`)
  },
})
say(`${minted.length} nodes have keys and certificates`)

const hub = simulatedHub({ folder: hubFolder, core: options.hubCore })
await hub.start()
const nodes = simulatedNodes({
  minted,
  perProcess: options.nodesPerProcess,
  cores: cpus().flatMap((_, core) => (core === options.hubCore ? [] : [core])),
  log: openSync(join(network.folder, 'nodes.log'), 'a'),
})
const scene: Scene = {
  hub,
  nodes,
  say,
  profiles: options.profiles,
  options,
  pods: watched('/api/v1/pods', () => hub.kube),
  fleet: watched('/api/v1/nodes', () => hub.kube),
}
const played: Played[] = []
try {
  const connect = async () => {
    const since = Date.now()
    const spreadMs = options.nodes * options.spreadMs
    const started = nodes.start(spreadMs)
    const ready = async () => ({ done: scene.fleet.count(one => one.isReady), of: options.nodes })
    await until(scene, 'nodes ready', ready, 900)
    await started
    return { 'all ready after': (Date.now() - since) / 1000, 'spread over': spreadMs / 1000 }
  }
  played.push(await play(scene, 'connect', connect))
  for (const name of options.scenarios) {
    if (name === 'fill' && options.pods === 0) continue
    played.push(await play(scene, name, () => scenarios[name](scene)))
  }
} finally {
  scene.pods.close()
  scene.fleet.close()
  if (options.result !== undefined) {
    const machine = {
      cpus: cpus().length,
      model: cpus()[0]?.model,
      memoryBytes: totalmem(),
      kernel: release(),
      node: process.versions.node,
    }
    const command = ['npm', 'run', 'simulate', '--', ...process.argv.slice(2)]
    const result = { bench: 'simulate', date: new Date().toISOString(), command, machine, options, played }
    writeFileSync(options.result, `${JSON.stringify(result, null, 2)}\n`)
  }
  await nodes.close()
  await hub.close()
}
process.exit(0)
