import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { HubLink } from '../../../src/agent/hub-link.ts'
import type { KubeObject } from '../../../src/api/types.ts'
import type { CarriedMessage } from '../../fakes/bus.ts'
import { aWorld, boundPod, type World } from '../../hub/fleet/world.ts'
import { fails } from '../../support/fails.ts'
import { until } from '../../support/until.ts'

const podNames = (link: HubLink): readonly (string | undefined)[] =>
  (link.assignment()?.pods ?? []).map(pod => pod.metadata.name)

const sentTo = (world: World, topic: string): readonly CarriedMessage[] =>
  world.bus.carried.filter(message => message.way === 'down' && message.topic === topic)

/** A world with one connected node that has one pod. */
const aNode = async (t: { teardown(act: () => Promise<void>): void }) => {
  const world = await aWorld()
  t.teardown(world.close)
  const attic = await world.join('attic')
  const link = await attic.start()
  world.bus.agent('attic').connect()
  await world.objects.create('Pod', boundPod('one', 'attic'))
  await world.calm()
  return { world, attic, link }
}

t.test('what was accepted is there after a restart, without any hub', async t => {
  const { world, attic } = await aNode(t)
  await attic.stop()
  const again = await attic.start()
  t.strictSame(podNames(again), ['one'])
  t.equal(again.silentForMs(), undefined)
  await world.calm()
})

t.test('an assignment is durable before anybody hears of it', async t => {
  const { world, attic, link } = await aNode(t)
  const order: string[] = []
  link.onAssignment(assignment => {
    order.push(`announced ${assignment.pods.length}`)
  })
  world.bus.hub.onMessage((_node, topic) => {
    if (topic === 'u/status') order.push('acknowledged')
  })
  await world.objects.create('Pod', boundPod('two', 'attic'))
  await world.calm()
  t.strictSame(order.slice(0, 2), ['acknowledged', 'announced 2'])
  const file = await readFile(join(attic.folder, 'assignment.json'), 'utf8')
  t.match(file, /"two"/)
})

t.test('an older assignment is left alone, however it is sent again', async t => {
  const { world, link } = await aNode(t)
  const old = sentTo(world, 'd/state').at(-1)
  await world.objects.create('Pod', boundPod('two', 'attic'))
  await world.calm()
  t.strictSame(podNames(link), ['one', 'two'])
  for (let again = 0; again < 3 && old !== undefined; again += 1)
    await world.bus.hub.publish('attic', 'd/state', old.bytes)
  await world.calm()
  t.strictSame(podNames(link), ['one', 'two'])
})

t.test('forged, foreign and misaddressed messages change nothing, and the next good one is taken', async t => {
  const { world, link } = await aNode(t)
  await (await world.join('cellar')).start()
  world.bus.agent('cellar').connect()
  await world.objects.create('Pod', boundPod('other', 'cellar'))
  await world.calm()
  const foreign = sentTo(world, 'd/state').find(message => message.node === 'cellar')?.bytes ?? Buffer.alloc(0)
  const own = Buffer.from(sentTo(world, 'd/state').find(message => message.node === 'attic')?.bytes ?? [])
  const changed = Buffer.from(own)
  changed[90] = (changed[90] ?? 0) ^ 1
  for (const [topic, bytes] of [
    ['d/state', foreign],
    ['d/state', changed],
    ['d/state', own.subarray(0, 100)],
    ['d/net', own],
    ['d/cmd', own],
    ['d/hub', own],
    ['d/state', Buffer.from('DL and then nothing of use')],
    ['d/other', own],
  ] as const)
    await world.bus.hub.publish('attic', topic, bytes)
  await world.calm()
  t.strictSame(podNames(link), ['one'])
  await world.objects.create('Pod', boundPod('two', 'attic'))
  await world.calm()
  t.strictSame(podNames(link), ['one', 'two'])
})

t.test('a node without a disk takes nothing old: only what the hub names in its answer', async t => {
  const { world } = await aNode(t)
  const old = sentTo(world, 'd/state').at(-1)
  const fresh = await world.join('attic-2')
  const link = await fresh.start()
  // Everything the hub says is lost; only the replayed message comes.
  if (old !== undefined) await world.bus.hub.publish('attic-2', 'd/state', old.bytes)
  await world.calm()
  t.equal(link.assignment(), undefined)
})

t.test('a restarted agent takes nothing from a broker that keeps the hub’s answer from it', async t => {
  const { world, attic } = await aNode(t)
  const [first] = sentTo(world, 'd/state').filter(message => message.node === 'attic')
  await attic.stop()
  await world.fleet.close()
  const link = await attic.start()
  world.bus.agent('attic').connect()
  if (first !== undefined) await world.bus.hub.publish('attic', 'd/state', first.bytes)
  await new Promise(resolve => setTimeout(resolve, 20))
  t.strictSame(podNames(link), ['one'])
})

t.test('a lost message is sent again until it is acknowledged', async t => {
  let lose = 0
  const world = await aWorld({
    carry(message, deliver) {
      if (message.topic === 'd/state' && lose > 0) lose -= 1
      else deliver(message)
    },
  })
  t.teardown(world.close)
  const link = await (await world.join('attic')).start()
  world.bus.agent('attic').connect()
  await world.calm()
  lose = 3
  await world.objects.create('Pod', boundPod('one', 'attic'))
  await world.calm()
  t.strictSame(podNames(link), [])
  for (const seconds of [2, 4, 8]) {
    await world.clock.advance(seconds * 1000)
    await world.calm()
  }
  t.strictSame(podNames(link), ['one'])
})

t.test('a hub that was restored from a backup is obeyed, though its revisions are lower', async t => {
  const { world, link } = await aNode(t)
  await world.restartHub({ incarnation: 2 })
  await world.objects.delete('Pod', { namespace: 'default', name: 'one' }, { gracePeriodSeconds: 0 })
  await world.calm()
  t.strictSame(podNames(link), [])
  await world.restartHub({ incarnation: 1 })
  await world.objects.create('Pod', boundPod('ghost', 'attic'))
  await world.calm()
  t.strictSame(podNames(link), [], 'what is older than the restore is not obeyed')
})

t.test('a damaged file is kept aside, and the hub is asked again', async t => {
  const { world, attic } = await aNode(t)
  await attic.stop()
  const path = join(attic.folder, 'assignment.json')
  const whole = await readFile(path)
  await writeFile(path, whole.subarray(0, whole.length - 20))
  const link = await attic.start()
  t.equal(link.assignment(), undefined)
  t.ok(await stat(`${path}.corrupt`))
  world.bus.agent('attic').connect()
  await world.calm()
  t.strictSame(podNames(link), ['one'])
})

const service = (name: string): KubeObject =>
  ({
    metadata: { name, namespace: 'default' },
    spec: { ports: [{ port: 80, protocol: 'TCP' }], clusterIP: `10.96.0.2${name.length}`, selector: { a: 'b' } },
  }) as KubeObject

t.test('the neighbourhood is applied at once, and written soon, seldom, and at the end', async t => {
  const { world, attic, link } = await aNode(t)
  const path = join(attic.folder, 'neighbourhood.json')
  const onDisk = async (): Promise<number> =>
    ((await readFile(path, 'utf8').catch(() => '')).match(/"clusterIP"/g) ?? []).length
  for (let count = 1; count <= 8; count += 1) {
    await world.objects.create('Service', service('x'.repeat(count)))
    await world.calm()
    await world.clock.advance(10_000)
    t.equal(link.neighbourhood()?.services.length, count, 'it is applied at once')
    // After a quiet time the disk keeps up.
    if (count <= 4) await until(`${count} services on disk`, async () => (await onDisk()) === count)
  }
  await world.calm()
  t.ok((await onDisk()) < 8, 'then memory is ahead of it')
  await attic.stop()
  t.match(await readFile(path, 'utf8'), /"xxxxxxxx"/)
})

t.test('an agent that is killed knows the neighbourhood that it had, though the disk does not', async t => {
  const { world, attic } = await aNode(t)
  await world.objects.create('Service', service('a'))
  await world.calm()
  await world.clock.advance(10_000)
  const path = join(attic.folder, 'neighbourhood.json')
  await until('the service on disk', async () => (await readFile(path, 'utf8').catch(() => '')).includes('"a"'))
  await world.objects.create('Service', service('bb'))
  await world.calm()
  attic.kill()
  t.notMatch(await readFile(path, 'utf8'), /"bb"/)
  const again = await attic.start()
  t.equal(again.neighbourhood()?.services.length, 2)
})

t.test('after a loss of power the disk’s neighbourhood is taken', async t => {
  const { world, attic } = await aNode(t)
  await world.objects.create('Service', service('a'))
  await world.calm()
  await world.clock.advance(10_000)
  const path = join(attic.folder, 'neighbourhood.json')
  await until('the service on disk', async () => (await readFile(path, 'utf8').catch(() => '')).includes('"a"'))
  attic.kill()
  await rm(join(attic.folder, 'run'), { recursive: true })
  const again = await attic.start()
  t.equal(again.neighbourhood()?.services.length, 1)
})

t.test('the same content with a newer order touches no file but the small one', async t => {
  const { world, attic } = await aNode(t)
  const path = join(attic.folder, 'assignment.json')
  const before = await stat(path)
  await world.restartHub()
  await world.clock.advance(1000)
  await world.calm()
  t.equal((await stat(path)).mtimeMs, before.mtimeMs)
  t.ok(await stat(join(attic.folder, 'assignment-order.json')))
})

t.test('fields that this agent does not know are told to the hub in its hello', async t => {
  const { world, attic } = await aNode(t)
  await world.objects.create('Pod', boundPod('next', 'attic', { fieldOfTomorrow: true })).catch(() => undefined)
  await world.calm()
  await attic.stop()
  const link = await attic.start()
  t.ok(link.assignment())
})

t.test('nothing can be reported before the hub has answered', async t => {
  const world = await aWorld({
    carry(message, deliver) {
      if (message.topic !== 'd/hub') deliver(message)
    },
  })
  t.teardown(world.close)
  const link = await (await world.join('attic')).start()
  await fails(t, link.report({}), 'Unavailable')
  world.bus.agent('attic').connect()
  await world.calm()
  await fails(t, link.report({}), 'Unavailable', /has not answered/)
})

t.test('a full report is wanted after every answered hello', async t => {
  const { world, link } = await aNode(t)
  let wanted = 0
  link.onFullReportWanted(() => {
    wanted += 1
  })
  world.bus.agent('attic').disconnect({ reset: false })
  world.bus.agent('attic').connect()
  await world.calm()
  t.equal(wanted, 1)
})

t.test('an old report that a broker replays from another connection is not believed', async t => {
  const { world, link } = await aNode(t)
  const pod = world.objects.list('Pod')[0]
  const report = (phase: string) => ({
    pods: [{ uid: pod?.metadata.uid ?? '', namespace: 'default', name: 'one', status: { phase } }],
  })
  await link.report(report('Pending'))
  await world.calm()
  const old = world.bus.carried.filter(message => message.topic === 'u/status').at(-1)
  world.bus.agent('attic').disconnect({ reset: false })
  world.bus.agent('attic').connect()
  await world.calm()
  await link.report(report('Running'))
  await world.calm()
  if (old !== undefined) await world.bus.agent('attic').publish('u/status', old.bytes)
  await world.calm()
  t.match(world.objects.list('Pod')[0], { status: { phase: 'Running' } })
})

t.test('telemetry is readable JSON; nothing takes a birth away', async t => {
  const { world, link } = await aNode(t)
  link.telemetry('node', 'birth', { metrics: {} })
  link.telemetry('node', 'data', { cpu_percent: 1 })
  link.telemetry('node', 'birth', undefined)
  t.strictSame(
    world.bus.telemetry.map(({ topic, text, retain }) => ({ topic, text, retain })),
    [
      { topic: 'node/birth', text: '{"metrics":{}}', retain: true },
      { topic: 'node/data', text: '{"cpu_percent":1}', retain: false },
      { topic: 'node/birth', text: '', retain: true },
    ],
  )
})

t.test('the whole protocol on a bus that loses, repeats and delays comes right', async t => {
  for (const seed of [1, 2, 3, 4]) {
    let state = seed * 2_654_435_761
    const random = (): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return state / 4_294_967_296
    }
    const late: (() => void)[] = []
    let isQuiet = false
    const world = await aWorld({
      carry(message, deliver) {
        if (isQuiet) return deliver(message)
        if (random() < 0.2) return
        if (random() < 0.3) late.push(() => deliver(message))
        else deliver(message)
        if (random() < 0.2) late.push(() => deliver(message))
      },
    })
    const attic = await world.join('attic')
    let link = await attic.start()
    world.bus.agent('attic').connect()
    for (let round = 0; round < 12; round += 1) {
      await world.objects.create('Pod', boundPod(`pod-${round}`, 'attic'))
      if (random() < 0.3) await world.restartHub()
      if (random() < 0.3) {
        await attic.stop()
        link = await attic.start()
        world.bus.agent('attic').connect()
      }
      await world.clock.advance(Math.round(random() * 5000))
      for (const act of late.splice(0, Math.floor(random() * 6))) act()
    }
    for (const act of late.splice(0)) act()
    isQuiet = true
    await world.calm()
    await world.clock.advance(900_000)
    await world.calm()
    t.equal(link.assignment()?.pods.length, 12, `seed ${seed}`)
    await world.close()
  }
})
