import t from 'tap'
import type { DaemonSet, Node, Pod } from '../../../src/api/types.ts'
import { isTerminating } from '../../../src/core/workloads/pod-facts.ts'
import { type Controlled, controlled } from '../../support/controlled.ts'

type Spec = NonNullable<DaemonSet['spec']>
const key = { namespace: 'default', name: 'agent' }

const aDaemonSet = (change: Partial<Spec> = {}, image = 'agent:1'): DaemonSet => ({
  metadata: { name: 'agent', namespace: 'default' },
  spec: {
    selector: { matchLabels: { app: 'agent' } },
    template: { metadata: { labels: { app: 'agent' } }, spec: { containers: [{ name: 'agent', image }] } },
    ...change,
  },
})

const placed = (world: Controlled, which: (pod: Pod) => boolean = () => true): readonly (string | undefined)[] =>
  world
    .pods()
    .filter(which)
    .map(pod => pod.spec?.nodeName)
    .toSorted()

const setImage = (world: Controlled, image: string) =>
  world.objects.modify<DaemonSet>('DaemonSet', key, now => ({
    ...now,
    spec: { ...now.spec!, template: aDaemonSet({}, image).spec!.template },
  }))

t.test('one pod on every node, on new ones too, and on those that are cordoned', async t => {
  const world = await controlled(t)
  await world.addNode('a')
  await world.addNode('b')
  await world.objects.modify<Node>('Node', { namespace: '', name: 'b' }, now => ({
    ...now,
    spec: { ...now.spec, unschedulable: true },
  }))
  await world.objects.create<DaemonSet>('DaemonSet', aDaemonSet())
  await world.settle()
  t.strictSame(placed(world), ['a', 'b'])
  await world.addNode('c')
  t.strictSame(placed(world), ['a', 'b', 'c'])
  t.match(world.objects.get<DaemonSet>('DaemonSet', key)?.status, {
    desiredNumberScheduled: 3,
    currentNumberScheduled: 3,
    numberReady: 3,
    numberAvailable: 3,
    updatedNumberScheduled: 3,
    numberUnavailable: 0,
    observedGeneration: 1,
  })
  t.strictSame(world.complaints, [])
})

t.test('only where the node selector allows it, and it leaves a node that does not fit any longer', async t => {
  const world = await controlled(t)
  await world.addNode('a', { labels: { camera: 'yes' } })
  await world.addNode('b')
  const { template } = aDaemonSet().spec!
  const nodeSelector = { camera: 'yes' }
  await world.objects.create<DaemonSet>(
    'DaemonSet',
    aDaemonSet({ template: { ...template, spec: { ...template.spec!, nodeSelector } } }),
  )
  await world.settle()
  t.strictSame(placed(world), ['a'])
  await world.objects.modify<Node>('Node', { namespace: '', name: 'a' }, now => ({
    ...now,
    metadata: { ...now.metadata, labels: {} },
  }))
  await world.settle()
  t.strictSame(placed(world), [])
})

t.test('an update goes node by node, and a node that is off does not hold it up', async t => {
  const world = await controlled(t)
  for (const name of ['a', 'b', 'c']) await world.addNode(name)
  await world.objects.create<DaemonSet>('DaemonSet', aDaemonSet())
  await world.settle()
  world.lose('c')
  await world.pass(180)
  t.strictSame(placed(world), ['a', 'b', 'c'])
  const missing: number[] = []
  t.teardown(
    world.objects.onChange<Pod>('Pod', () => {
      const up = world.pods().filter(pod => pod.spec?.nodeName !== 'c' && !isTerminating(pod))
      missing.push(
        2 - up.filter(pod => pod.status?.conditions?.some(one => one.type === 'Ready' && one.status === 'True')).length,
      )
    }),
  )
  await setImage(world, 'agent:2')
  await world.settle()
  const images = () => world.pods().map(pod => `${pod.spec?.nodeName} ${pod.spec?.containers[0]?.image}`)
  t.strictSame(images().toSorted(), ['a agent:2', 'b agent:2', 'c agent:1'])
  t.equal(Math.max(...missing), 1)
  await world.bringBack('c')
  await world.settle()
  t.strictSame(images().toSorted(), ['a agent:2', 'b agent:2', 'c agent:2'])
  t.strictSame(world.complaints, [])
})

t.test('with surge the new pod is available before the old one goes', async t => {
  const world = await controlled(t)
  for (const name of ['a', 'b']) await world.addNode(name)
  const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
  await world.objects.create<DaemonSet>('DaemonSet', aDaemonSet({ updateStrategy }))
  await world.settle()
  let fewest = 2
  t.teardown(
    world.objects.onChange<Pod>('Pod', () => {
      const up = world.pods().filter(pod => !isTerminating(pod) && pod.status?.phase === 'Running')
      fewest = Math.min(fewest, new Set(up.map(pod => pod.spec?.nodeName)).size)
    }),
  )
  await setImage(world, 'agent:2')
  await world.settle()
  t.strictSame(
    world.pods().map(pod => pod.spec?.containers[0]?.image),
    ['agent:2', 'agent:2'],
  )
  t.strictSame(placed(world), ['a', 'b'])
  t.equal(fewest, 2)
})

t.test('OnDelete waits for somebody to delete the pod', async t => {
  const world = await controlled(t)
  await world.addNode('a')
  await world.objects.create<DaemonSet>('DaemonSet', aDaemonSet({ updateStrategy: { type: 'OnDelete' } }))
  await world.settle()
  await setImage(world, 'agent:2')
  await world.settle()
  t.equal(world.pods()[0]?.spec?.containers[0]?.image, 'agent:1')
  await world.objects.delete('Pod', { namespace: 'default', name: world.pods()[0]?.metadata.name ?? '' })
  await world.settle()
  t.equal(world.pods()[0]?.spec?.containers[0]?.image, 'agent:2')
})
