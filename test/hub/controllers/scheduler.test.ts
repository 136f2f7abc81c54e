import t from 'tap'
import type { Node, Pod } from '../../../src/api/types.ts'
import { podCondition } from '../../../src/core/workloads/pod-facts.ts'
import { controlled } from '../../support/controlled.ts'

const web = { namespace: 'default', name: 'web' }
const aPod = (memory = '64Mi', name = 'web'): Pod => ({
  metadata: { name, namespace: 'default' },
  spec: { containers: [{ name: 'web', image: 'web:1', resources: { requests: { memory } } }] },
})

t.test('a pod that fits nowhere says why, once, and is bound as soon as a node has room', async t => {
  const world = await controlled(t)
  await world.addNode('small', {}, { cpu: '1', memory: '32Mi', pods: '10' })
  await world.objects.create<Pod>('Pod', aPod())
  await world.settle()
  const message = '0/1 nodes are available: 1 Insufficient memory.'
  const waiting = world.objects.get<Pod>('Pod', web)
  t.match(podCondition(waiting!, 'PodScheduled'), { status: 'False', reason: 'Unschedulable', message })
  t.strictSame(world.eventsOf('web'), [`FailedScheduling: ${message}`])
  await world.pass(600)
  t.strictSame(world.eventsOf('web'), [`FailedScheduling: ${message}`], 'time alone is no news')
  await world.addNode('large')
  await world.clock.advance(1000)
  await world.settle()
  const bound = world.objects.get<Pod>('Pod', web)
  t.equal(bound?.spec?.nodeName, 'large')
  t.match(podCondition(bound!, 'PodScheduled'), { status: 'True' })
  t.ok(world.eventsOf('web').includes('Scheduled: Successfully assigned default/web to large'))
  t.strictSame(world.complaints, [])
})

t.test('a pod that leaves makes room for one that waits', async t => {
  const world = await controlled(t)
  await world.addNode('a', {}, { cpu: '1', memory: '100Mi', pods: '10' })
  await world.objects.create<Pod>('Pod', aPod('80Mi', 'first'))
  await world.objects.create<Pod>('Pod', aPod('80Mi', 'second'))
  await world.settle()
  t.strictSame(
    world.pods().map(pod => pod.spec?.nodeName),
    ['a', undefined],
  )
  await world.objects.delete('Pod', { namespace: 'default', name: 'first' })
  await world.settle()
  await world.clock.advance(1000)
  await world.settle()
  t.strictSame(
    world.pods().map(pod => pod.spec?.nodeName),
    ['a'],
  )
})

t.test('many pods at once are not bound beyond what the nodes have', async t => {
  const world = await controlled(t)
  for (const name of ['a', 'b']) await world.addNode(name, {}, { cpu: '1', memory: '300Mi', pods: '10' })
  await Promise.all(
    Array.from({ length: 9 }, (_, index) => world.objects.create<Pod>('Pod', aPod('100Mi', `web-${index}`))),
  )
  await world.settle()
  const nodes = world.pods().map(pod => pod.spec?.nodeName ?? 'none')
  t.strictSame(nodes.toSorted(), ['a', 'a', 'a', 'b', 'b', 'b', 'none', 'none', 'none'])
})

t.test(
  'a pod that names its node is left there, and one that names another scheduler is placed all the same',
  async t => {
    const world = await controlled(t)
    await world.addNode('a')
    const other = aPod('1Mi', 'other')
    await world.objects.create<Pod>('Pod', { ...other, spec: { ...other.spec!, schedulerName: 'mine' } })
    const named = aPod('1Mi', 'named')
    await world.objects.create<Pod>('Pod', { ...named, spec: { ...named.spec!, nodeName: 'a' } })
    await world.settle()
    t.strictSame(
      world.pods().map(pod => [pod.metadata.name, pod.spec?.nodeName]),
      [
        ['named', 'a'],
        ['other', 'a'],
      ],
    )
  },
)

t.test('every node gets a pod range of its own, for as long as it is there', async t => {
  const world = await controlled(t, { clusterCIDR: '10.64.0.0/24', nodePrefix: 25 })
  const ranges = () => world.objects.list<Node>('Node').map(node => node.spec?.podCIDR)
  await world.addNode('a')
  await world.addNode('b')
  await world.addNode('c')
  t.strictSame(ranges(), ['10.64.0.0/25', '10.64.0.128/25', undefined])
  t.match(world.eventsOf('c').join(), /CIDRNotAvailable: No \/25 is left in 10.64.0.0\/24/)
  await world.objects.delete('Node', { namespace: '', name: 'a' })
  await world.pass(60)
  t.strictSame(ranges(), ['10.64.0.128/25', '10.64.0.0/25'])
})
