import { closeSync, existsSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { randomFrom } from '../../bench/kill-store/plan.ts'
import { describeError } from '../../src/api/fault.ts'
import { version } from '../../src/lib/version.ts'
import { copyCard } from './cut-card.ts'
import { firstBoot, firstPod } from './first-boot.ts'
import { freePort, openLab, until } from './lab.ts'
import { cutPower, loggedDisk } from './power-cuts.ts'
import { openRecord } from './record.ts'
import { startMachine } from './virtual-machine.ts'

/*
 * npm run power-cuts -- --cuts 200 --boots 10 --seed 1 [--image FILE]: one logged life of a card, cut again and again.
 *
 *   first boot, join, pods come and go, all writes logged ─> N cuts replayed and judged ─> some of the cards booted on
 */
const root = fileURLToPath(new URL('../..', import.meta.url))
const { values } = parseArgs({
  options: {
    image: { type: 'string', default: join(root, `dist/images/dunlin_${version}_generic_arm64.img`) },
    cuts: { type: 'string', default: '200' },
    boots: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    folder: { type: 'string', default: join(root, 'dist/power-cuts') },
  },
})
const cuts = Number(values.cuts)
const boots = Number(values.boots)
const node = 'card-1'
const record = openRecord(`npm run power-cuts -- --cuts ${cuts} --boots ${boots} --seed ${values.seed}`)
const lab = await openLab(values.folder)
const kept: { readonly cut: number; readonly path: string }[] = []
let machine: Awaited<ReturnType<typeof firstBoot>> | undefined

/** Three pods come and go while the machine runs; the last ones stay. */
const passPods = async (): Promise<void> => {
  for (let round = 0; round < 6; round += 1) {
    const name = `passing-${round}`
    await lab.kube.request('POST', '/api/v1/namespaces/default/pods', { body: { ...firstPod, metadata: { name } } })
    await until(`${name} running`, 600, async () => {
      const row = await lab.kubectl(['get', 'pod', name, '--no-headers'])
      return /\sRunning\s/.test(row) ? row : undefined
    })
    if (round % 2 === 0) await lab.kubectl(['delete', 'pod', name, '--wait'], 300)
    record.say(`${name} ran${round % 2 === 0 ? ' and is gone' : ''}`)
  }
}

try {
  if (!existsSync(values.image)) throw new Error(`there is no image ${values.image}: npm run image makes it`)
  const log = join(lab.folder, 'writes.log')
  const before = join(lab.folder, 'before.img')
  const cardBytes = 8 * 1024 ** 3
  machine = await firstBoot({
    lab,
    record,
    node,
    image: values.image,
    disk: card => {
      copyCard(card, before)
      closeSync(openSync(log, 'w'))
      return loggedDisk(card, log)
    },
    memoryMebibytes: 1024,
    cardBytes,
  })
  const token = lab.tokens.get(node) ?? ''
  await passPods()
  await machine.cut()
  await cutPower({
    ...{ before, log, cuts, token, folder: lab.folder, record, random: randomFrom(Number(values.seed)) },
    dataBytes: cardBytes - (512 + 2560 + 2) * 2 ** 20,
    keep(cut) {
      if (boots === 0 || kept.length >= boots || cut % Math.max(1, Math.floor(cuts / boots)) !== 0) return undefined
      const path = join(lab.folder, `kept-${cut}.img`)
      kept.push({ cut, path })
      return path
    },
  })
  const sshPort = await freePort()
  for (const { cut, path } of kept) {
    machine = startMachine({
      ...{ disk: ['-drive', `file=${path},format=raw,if=virtio`], memoryMebibytes: 1024, folder: lab.folder },
      ...{ consoleName: `kept-${cut}.log`, sshPort, keyPath: lab.keyPath, publicKey: lab.publicKey },
    })
    const login = await machine.shows(/login: /, 900)
    const well = await until('the node and its pods', 900, async () => {
      const nodes = await lab.kubectl(['get', 'nodes', '--no-headers'])
      const running = await machine?.run('find /sys/fs/cgroup/dunlin -name cgroup.procs -exec cat {} + | wc -l')
      const pods = (await lab.kubectl(['get', 'pods', '--no-headers'])).trim().split('\n')
      const isWell =
        /\sReady\s/.test(nodes) && pods.every(row => /\s1\/1\s+Running\s/.test(row)) && Number(running) >= pods.length
      return isWell ? pods.length : undefined
    }).catch(describeError)
    record.check(
      `the card of cut ${cut + 1} boots on (${(login / 1000).toFixed(0)} s to login), Ready with its pods`,
      typeof well === 'number',
      well,
    )
    await machine.cut()
  }
} catch (error) {
  record.check('the run went to its end', false, describeError(error))
} finally {
  await machine?.cut()
  await lab.close()
}
process.stdout.write(`the record is ${record.write('power-cuts-card.log')}\n`)
process.exit(record.broken.length === 0 ? 0 : 1)
