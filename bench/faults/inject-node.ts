import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { textAt } from '../../src/cli/shown.ts'
import type { FaultWorld } from './fault-world.ts'
import { fillDisk } from './fill-disk.ts'
import { endedCertificate } from './forge.ts'
import type { Inject } from './inject.ts'
import { ask } from './load.ts'
import { loadPort } from './manifests.ts'
import { changeArrives } from './marker.ts'
import { makePassingPods } from './passing-pods.ts'
import { readNode } from './read-node.ts'
import { impersonate } from './stranger.ts'

/** What happens to one node: its agent, its engine, its disk, its clock, its identity. */
export const nodeFaults = {
  async 'agent killed'(world, round) {
    await world.killAgent(round.node)
    await sleep(round.lastsMs)
    world.startAgent(round.node)
  },
  async 'engine killed'(world, round) {
    const pods = await makePassingPods(world, { name: `passing-${round.number}`, replicas: 2, node: round.node })
    for (const end = performance.now() + round.lastsMs; performance.now() < end; await sleep(300))
      await signalEngine(world, round.node, 'KILL')
    await pods.ready(90)
    await pods.remove()
  },
  async 'container killed'(world, round) {
    const running = world.seen
      .flatMap(node => node.containers)
      .filter(one => one.state === 'running' && one.pid > 0 && one.container !== '')
    const victim = running[Math.floor(round.choice * running.length)]
    if (victim === undefined) throw new Error('no container runs')
    const node = world.node(victim.node)
    await node.machine.exec(['kill', '-KILL', String(victim.pid)])
    const deadline = performance.now() + 60_000
    for (;;) {
      // An engine that is asked while it takes a container away may refuse.
      const containers = await readNode(node).then(
        seen => seen.containers,
        () => [],
      )
      const isNew = containers.some(
        one =>
          one.podUid === victim.podUid &&
          one.container === victim.container &&
          one.state === 'running' &&
          (one.id !== victim.id || one.startedAt !== victim.startedAt),
      )
      if (isNew) return { killed: { podUid: victim.podUid, container: victim.container } }
      if (performance.now() > deadline)
        throw new Error(`${victim.pod}/${victim.container} was killed and did not come back within 60 s`)
      await sleep(200)
    }
  },
  async 'node rebooted'(world, round) {
    await world.powerOff(round.node)
    await sleep(round.lastsMs)
    await world.powerOn(round.node)
  },
  async 'node rebooted without hub'(world, round) {
    await world.killHub()
    await world.powerOff(round.node)
    await sleep(round.lastsMs)
    await world.powerOn(round.node)
    await answersAgain(world, round.node, 90)
    await world.startHub()
  },
  async 'node disk full'(world, round) {
    const free = fillDisk(world.disks.of(round.node))
    try {
      const pods = await makePassingPods(world, { name: `passing-${round.number}`, replicas: 1, node: round.node })
      // Half of the times the agent dies of something else meanwhile, and must begin on a full disk.
      if (round.choice < 0.5) {
        await world.killAgent(round.node)
        world.startAgent(round.node)
      }
      await sleep(round.lastsMs)
      free()
      await pods.ready(120)
      await pods.remove()
    } finally {
      free()
    }
  },
  async 'agent clock ahead'(world, round) {
    await movedAgent(world, round, '+365d')
  },
  async 'agent clock behind'(world, round) {
    await movedAgent(world, round, '-365d')
  },
  async 'certificate expired'(world, round) {
    await world.killAgent(round.node)
    const path = `${world.node(round.node).machine.disk}/agent/identity/membership.json`
    const membership: unknown = JSON.parse(readFileSync(path, 'utf8'))
    const certificate = endedCertificate(world.fleet.hubFolder, textAt(membership, 'certificate') ?? '', Date.now())
    writeFileSync(path, JSON.stringify({ ...Object(membership), certificate }))
    await sleep(round.lastsMs)
    world.startAgent(round.node)
  },
  async 'engine slow'(world, round) {
    const pods = await makePassingPods(world, { name: `passing-${round.number}`, replicas: 1, node: round.node })
    for (const end = performance.now() + round.lastsMs; performance.now() < end; await sleep(200))
      await signalEngine(world, round.node, 'STOP')
    await signalEngine(world, round.node, 'CONT')
    await pods.ready(90)
    await pods.remove()
  },
  async 'device impersonated'(world, round) {
    const other = world.nodes.find(node => node.name !== round.node)?.name ?? ''
    const identity = `${world.node(round.node).machine.disk}/agent/identity`
    const membership: unknown = JSON.parse(readFileSync(`${identity}/membership.json`, 'utf8'))
    const credentials = {
      certificate: textAt(membership, 'certificate') ?? '',
      key: readFileSync(`${identity}/tls.key`, 'utf8'),
    }
    return { admitted: await impersonate({ node: round.node, other, credentials }, world.doors) }
  },
} as const satisfies { readonly [name: string]: Inject }

/** The marker must arrive under the wrong clock, in an agent that was moved while it ran and in one that starts under it. */
const movedAgent = async (world: FaultWorld, round: Parameters<Inject>[1], offset: string): Promise<void> => {
  world.clocks.of(round.node).move(offset)
  try {
    await sleep(1500)
    if (round.choice < 0.5) {
      await world.killAgent(round.node)
      world.startAgent(round.node)
    }
    await Promise.all([sleep(round.lastsMs), changeArrives(world, `${round.number} meanwhile`, 120, [round.node])])
  } finally {
    world.clocks.of(round.node).move('+0')
  }
  await sleep(1500)
}

/** Every service of the engine on that node; its process namespace holds no other machine's. */
const signalEngine = async (world: FaultWorld, node: string, signal: 'KILL' | 'STOP' | 'CONT'): Promise<void> => {
  await world.node(node).machine.exec(['pkill', `-${signal}`, '-f', 'podman .* system service'])
}

/** Its own pods and the Service, as they are seen from the LAN. */
const answersAgain = async (world: FaultWorld, node: string, seconds: number): Promise<void> => {
  const deadline = performance.now() + seconds * 1000
  const { address } = world.node(node).machine
  for (const url of [world.beacon(node), `http://${address}:${loadPort}/`])
    for (;;) {
      const failure = await ask(url, 3000).then(
        () => undefined,
        error => String(error),
      )
      if (failure === undefined) break
      if (performance.now() > deadline)
        throw new Error(
          `${url} did not answer within ${seconds} s without a hub: ${failure}; ${world.node(node).agent().output().slice(-2000)}`,
        )
      await sleep(200)
    }
}
