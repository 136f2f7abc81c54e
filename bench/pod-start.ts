import { mkdirSync, writeFileSync } from 'node:fs'
import { helloArchive } from '../scripts/images.ts'
import type { PodRuntime } from '../src/core/pods/runtime.ts'
import type { PodNetwork } from '../src/core/services/pod-network.ts'
import { systemClock } from '../src/lib/clock.ts'
import { silentLog } from '../src/lib/log.ts'
import { podNetwork } from '../src/netproxy/pod-network.ts'
import { type EngineClient, engineClient } from '../src/runtime-podman/client.ts'
import { pauseImage, pauseProgram } from '../src/runtime-podman/engine/pause-image.ts'
import { onDemandService } from '../src/runtime-podman/engine/service.ts'
import { objectOf, textOf } from '../src/runtime-podman/parse.ts'
import { podmanRuntime } from '../src/runtime-podman/podman-runtime.ts'
import { mustRun, runProgram } from '../src/runtime-podman/run-program.ts'
import { aContainer, aSandbox } from '../test/fakes/container-spec.ts'
import { ownWorld } from '../test/fleet/own-world.ts'
import { compare, report } from './measure.ts'

/*
 * From nothing to a running container: Podman's own pod (infra container, bridge, one container, by its API) beside
 * ours (sandbox, network, one container), in both store modes; one pod, then ten at once. The engine's service is warm.
 */

const image = 'localhost/dunlin/hello:1'
const command = ['sh', '-c', "trap 'exit 0' TERM; while true; do sleep 1; done"]

interface Engine {
  readonly name: string
  start(name: string): Promise<void>
  remove(name: string): Promise<void>
  close(): Promise<void>
}

const world = ownWorld(import.meta.filename)
await mustRun(['ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'lan0'])
await mustRun(['ip', 'link', 'set', 'lan0', 'up'])
await mustRun(['ip', 'address', 'add', '192.168.70.2/24', 'dev', 'eth0'])
await mustRun(['ip', 'link', 'set', 'eth0', 'up'])
await mustRun(['ip', 'route', 'add', 'default', 'via', '192.168.70.1'])
writeFileSync(`${world.folder}/hello.tar`, helloArchive(image))
writeFileSync(`${world.folder}/pause.tar`, pauseProgram().archive)

/** Ours, as the agent drives it. */
const ours = async (storeMode: 'disk' | 'memory', network: PodNetwork): Promise<Engine> => {
  const runtime: PodRuntime = podmanRuntime({
    engine: { stateFolder: `${world.folder}/${storeMode}`, cgroupParent: `${world.cgroupParent}-${storeMode}` },
    runFolder: `/run/${storeMode}`,
    logFolder: `${world.folder}/${storeMode}-logs`,
    storeMode,
    clock: systemClock,
    log: silentLog,
  })
  await runtime.loadImage(`${world.folder}/hello.tar`)
  const specOf = (name: string) => aContainer({ podUid: `${storeMode}-${name}`, image, command })
  return {
    name: `Dunlin, store on ${storeMode}`,
    async start(name) {
      const spec = specOf(name)
      const { netnsPath } = await runtime.makeSandbox(aSandbox({ uid: spec.podUid, name }))
      await network.attach({ uid: spec.podUid, namespace: 'default', name, netnsPath: netnsPath ?? '', hostPorts: [] })
      await runtime.writeSandboxFiles(spec.podUid, { hosts: '127.0.0.1 localhost\n', resolvConf: '' })
      await runtime.createContainer(spec)
      await runtime.startContainer(spec)
    },
    async remove(name) {
      const spec = specOf(name)
      await runtime.stopContainer(spec, 0)
      await runtime.removeContainer(spec)
      await network.detach(spec.podUid, { forget: true })
      await runtime.removeSandbox(spec.podUid)
    },
    close: () => runtime.close(),
  }
}

/** Podman alone, with only those settings that this machine needs to run a container at all. */
const podmanAlone = async (): Promise<Engine & { readonly backend: string }> => {
  const folder = `${world.folder}/alone`
  mkdirSync(folder)
  const containersConf = (await runProgram(['cat', `${world.folder}/disk/containers.conf`])).output
    .replace(/^events_logger.*$/m, 'events_logger = "file"')
    .replace(/^lock_type.*$/m, '')
  writeFileSync(`${folder}/containers.conf`, containersConf)
  writeFileSync(
    `${folder}/storage.conf`,
    `[storage]\ndriver = "overlay"\ngraphroot = "${folder}/graph"\nrunroot = "/run/alone/run"\n`,
  )
  mkdirSync('/run/alone')
  const env = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: `${world.folder}/disk/home`,
    CONTAINERS_CONF: `${folder}/containers.conf`,
    CONTAINERS_STORAGE_CONF: `${folder}/storage.conf`,
  }
  const socket = '/run/alone/podman.sock'
  const store = {
    name: 'card',
    storageConf: `${folder}/storage.conf`,
    graphRoot: `${folder}/graph`,
    runRoot: '/run/alone/run',
    tmpDir: '/run/alone/tmp',
    socket,
  } as const
  const api: EngineClient = engineClient({
    socket,
    ensureService: onDemandService({ podman: '/usr/bin/podman', store, env, hasSystemd: false }),
  })
  const post = (path: string, body: unknown): Promise<unknown> =>
    api.json({ method: 'POST', path, body, timeoutMs: 60_000, doing: path })
  for (const archive of ['hello.tar', 'pause.tar'])
    await api.call({ method: 'POST', path: '/images/load', bodyFile: `${world.folder}/${archive}`, doing: 'load' })
  await post('/networks/create', {
    name: 'bench',
    driver: 'bridge',
    dns_enabled: false,
    subnets: [{ subnet: '10.99.0.0/24', gateway: '10.99.0.1' }],
  })
  const info = objectOf(await api.json({ path: '/info', doing: 'ask what it is', timeoutMs: 30_000 }), 'info')
  const backend = textOf(objectOf(info['host'], 'host')['networkBackend'], 'the network backend')
  return {
    name: `Podman alone (${backend})`,
    backend,
    async start(name) {
      await post('/pods/create', {
        name,
        infra_image: pauseImage,
        infra_command: pauseProgram().pause,
        netns: { nsmode: 'bridge' },
        Networks: { bench: {} },
      })
      await post('/containers/create', { name: `${name}-main`, pod: name, image, entrypoint: command })
      await post(`/pods/${name}/start`, undefined)
    },
    async remove(name) {
      await api.call({
        method: 'DELETE',
        path: `/pods/${name}`,
        query: { force: 'true', timeout: '0' },
        timeoutMs: 60_000,
        doing: 'remove',
      })
    },
    async close() {
      api.close()
      await runProgram(['podman', 'network', 'rm', 'bench'], { env })
    },
  }
}

const network = podNetwork({
  stateFolder: `${world.folder}/network`,
  runFolder: '/run/network',
  node: { name: 'bench' },
  clock: systemClock,
  random: Math.random,
  log: silentLog,
})
await network.configure({
  podCIDR: '10.64.0.128/25',
  clusterCIDR: '10.64.0.0/11',
  serviceCIDR: '10.96.0.0/16',
  dnsAddress: '10.96.0.10',
  domain: 'cluster.local',
})
const disk = await ours('disk', network)
const memory = await ours('memory', network)
const alone = await podmanAlone()
const engines: readonly Engine[] = [alone, disk, memory]

for (const [count, rounds] of [
  [1, 7],
  [10, 3],
] as const)
  report(
    `pod start ${count}`,
    `ms until ${count === 1 ? 'one container runs' : 'ten containers run'}, service warm`,
    await compare(
      engines.map(engine => ({
        name: engine.name,
        async run(round: number) {
          const names = Array.from({ length: count }, (_, at) => `bench-${count}-${round + 1}-${at}`)
          const started = performance.now()
          await Promise.all(names.map(name => engine.start(name)))
          const ms = performance.now() - started
          await Promise.all(names.map(name => engine.remove(name)))
          return ms
        },
      })),
      rounds,
    ),
    { networkBackendOfPodmanAlone: alone.backend },
  )

for (const engine of engines) await engine.close()
await network.takeDown()
process.exit(0)
