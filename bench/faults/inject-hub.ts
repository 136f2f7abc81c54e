import { createWriteStream, rmSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FaultWorld } from './fault-world.ts'
import { fillDisk } from './fill-disk.ts'
import type { Inject } from './inject.ts'
import { resetConnections } from './inject-link.ts'
import { manifests } from './manifests.ts'
import { changeArrives } from './marker.ts'
import { makePassingPods } from './passing-pods.ts'

/** What happens to the hub and to what it is told. */
export const hubFaults = {
  async 'hub killed'(world, round) {
    await world.killHub()
    await sleep(round.lastsMs)
    await world.startHub()
  },
  async 'hub restored'(world, round) {
    const archive = join(world.fleet.hubFolder, '../backup.dunlin')
    const until = world.ledger.acknowledged()
    await takeBackup(world, archive)
    // Made after the backup: what runs of it must go again.
    const lost = await makePassingPods(world, { name: `passing-${round.number}`, replicas: 2 })
    await lost.ready(120)
    await world.killHub()
    for (const name of await readdir(world.fleet.hubFolder))
      await rm(join(world.fleet.hubFolder, name), { recursive: true, force: true })
    await world.fleet.mustDunlin(['restore', archive, '--data', world.fleet.hubFolder])
    world.ledger.goBackTo(until)
    rmSync(archive)
    await sleep(round.lastsMs)
    await world.startHub()
  },
  async 'hub disk full'(world, round) {
    const free = fillDisk(world.disks.hub)
    try {
      await sleep(round.lastsMs)
      // Half of the times it dies of something else meanwhile.
      if (round.choice < 0.5) await world.killHub()
    } finally {
      free()
    }
    if (round.choice < 0.5) await world.startHub()
  },
  async 'hub clock ahead'(world, round) {
    await movedHub(world, round, '+365d')
  },
  async 'hub clock behind'(world, round) {
    await movedHub(world, round, '-365d')
  },
  async 'same state again'(world) {
    await world.fleet.mustDunlin(['apply', '-f', '-'], manifests())
  },
  async 'other Deployment'(world, round) {
    const other = await makePassingPods(world, { name: `passing-${round.number}`, replicas: 3 })
    await other.ready(120)
    await other.remove()
  },
} as const satisfies { readonly [name: string]: Inject }

/** The fleet must do its work under the wrong clock, with connections that are made anew under it; and when it is right again. */
const movedHub = async (world: FaultWorld, round: Parameters<Inject>[1], offset: string): Promise<void> => {
  world.clocks.hub.move(offset)
  try {
    await sleep(1500)
    await Promise.all(world.nodes.map(node => resetConnections(world, node.name)))
    await Promise.all([sleep(round.lastsMs), changeArrives(world, `${round.number} meanwhile`, 120)])
  } finally {
    world.clocks.hub.move('+0')
  }
  await sleep(1500)
  await Promise.all(world.nodes.map(node => resetConnections(world, node.name)))
}

const takeBackup = async (world: FaultWorld, path: string): Promise<void> => {
  const signal = AbortSignal.timeout(30_000)
  const answer = await world.kube.open('POST', '/dunlin/v1/backup', { body: {}, accept: '*/*', signal })
  await pipeline(answer, createWriteStream(path, { mode: 0o600 }))
}
