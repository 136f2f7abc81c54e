import t from 'tap'
import type { Deployment, EndpointSlice, Node, Pod, Service } from '../../../src/api/types.ts'
import { isActive, isTerminating, nameOf } from '../../../src/core/workloads/pod-facts.ts'
import { aDeployment, type Controlled, controlled } from '../../support/controlled.ts'

const template = (seconds: number) => ({
  metadata: { labels: { app: 'web' } },
  spec: {
    containers: [{ name: 'web', image: 'web:1' }],
    tolerations: ['not-ready', 'unreachable'].map(word => ({
      key: `node.kubernetes.io/${word}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: seconds,
    })),
  },
})

const three = async (world: Controlled): Promise<void> => {
  for (const name of ['a', 'b', 'c']) await world.addNode(name)
}

const ready = (world: Controlled, name: string): string | undefined =>
  world.objects.get<Node>('Node', { namespace: '', name })?.status?.conditions?.find(one => one.type === 'Ready')
    ?.status

const placed = (world: Controlled, which: (pod: Pod) => boolean): readonly (string | undefined)[] =>
  world
    .pods()
    .filter(which)
    .map(pod => pod.spec?.nodeName)
    .toSorted()

t.test('a node lost for good: its pods run elsewhere, and the surplus goes when it is back', async t => {
  const world = await controlled(t)
  await three(world)
  const service: Service = {
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
  }
  await world.objects.create<Service>('Service', service)
  await world.objects.create<Deployment>('Deployment', aDeployment({ template: template(20) }))
  await world.settle()
  t.strictSame(placed(world, isActive), ['a', 'b', 'c'])
  const [left] = world.pods().filter(pod => pod.spec?.nodeName === 'a')
  const others = world.pods().filter(pod => pod.spec?.nodeName !== 'a')

  world.lose('a')
  await world.pass(180)
  t.equal(ready(world, 'a'), 'Unknown')
  t.ok(world.eventsOf('a').includes('NodeNotReady: Node a is not ready: The node has given no sign of life for 180 s.'))
  const taints = world.objects.get<Node>('Node', { namespace: '', name: 'a' })?.spec?.taints
  t.strictSame(
    taints?.map(taint => `${taint.key}:${taint.effect}`),
    ['node.kubernetes.io/unreachable:NoSchedule', 'node.kubernetes.io/unreachable:NoExecute'],
  )
  const readyEndpoints = () =>
    world.objects
      .list<EndpointSlice>('EndpointSlice')
      .flatMap(slice => slice.endpoints ?? [])
      .filter(endpoint => endpoint.conditions?.ready)
  t.equal(readyEndpoints().length, 2, 'nobody is sent to a node that gives no sign')
  t.strictSame(placed(world, isActive), ['a', 'b', 'c'], 'but nothing is replaced yet')

  await world.pass(30)
  t.equal(placed(world, isActive).length, 3)
  t.notOk(placed(world, isActive).includes('a'))
  t.strictSame(placed(world, isTerminating), ['a'], 'the lost pod is marked, and stays')
  t.equal(readyEndpoints().length, 3)

  await world.bringBack('a')
  t.equal(ready(world, 'a'), 'True')
  t.strictSame(world.objects.get<Node>('Node', { namespace: '', name: 'a' })?.spec?.taints ?? [], [])
  t.equal(world.pods().length, 3)
  t.notOk(
    world.pods().some(pod => nameOf(pod) === nameOf(left!)),
    'the surplus is gone',
  )
  for (const pod of others) {
    const now = world.pods().find(one => nameOf(one) === nameOf(pod))
    t.equal(now?.metadata.uid, pod.metadata.uid, 'and nothing else was touched')
    t.equal(now?.metadata.deletionTimestamp, undefined)
  }
  t.strictSame(world.complaints, [])
})

t.test('two of three nodes lost at once: nobody is replaced', async t => {
  const world = await controlled(t)
  await three(world)
  await world.objects.create<Deployment>('Deployment', aDeployment({ template: template(20) }))
  await world.settle()
  world.lose('a')
  world.lose('b')
  await world.pass(900)
  t.equal(ready(world, 'a'), 'Unknown')
  t.equal(ready(world, 'b'), 'Unknown')
  t.strictSame(placed(world, isActive), ['a', 'b', 'c'])
  t.strictSame(placed(world, isTerminating), [])
  const [stays] = world.pods().filter(pod => pod.spec?.nodeName === 'a')
  t.match(world.eventsOf(nameOf(stays!)).join('\n'), /StaysWithNode: .*more than half of the site's nodes/)
})

t.test('pods that could run nowhere else, and pods that nobody would make again, stay bound', async t => {
  const world = await controlled(t)
  await three(world)
  await world.objects.modify<Node>('Node', { namespace: '', name: 'a' }, now => ({
    ...now,
    metadata: { ...now.metadata, labels: { disk: 'ssd' } },
  }))
  const tied = template(20)
  await world.objects.create<Deployment>(
    'Deployment',
    aDeployment({ replicas: 1, template: { ...tied, spec: { ...tied.spec, nodeSelector: { disk: 'ssd' } } } }),
  )
  const bare = { metadata: { name: 'bare', namespace: 'default' }, spec: { ...tied.spec, nodeName: 'a' } }
  await world.objects.create<Pod>('Pod', bare)
  await world.settle()
  t.strictSame(placed(world, isActive), ['a', 'a'])
  world.lose('a')
  await world.pass(900)
  t.strictSame(placed(world, isActive), ['a', 'a'])
  t.match(world.eventsOf('bare').join('\n'), /no controller would make another/)
  await world.bringBack('a')
  t.strictSame(placed(world, isActive), ['a', 'a'])
})

t.test('a hub that has just started gives every node its full time', async t => {
  const world = await controlled(t)
  await three(world)
  await world.pass(170)
  t.equal(ready(world, 'a'), 'True')
})

t.test('a node that is silent for a while and back before its pods were replaced loses nothing', async t => {
  const world = await controlled(t)
  await three(world)
  await world.objects.create<Deployment>('Deployment', aDeployment({ template: template(300) }))
  await world.settle()
  const before = world.pods().map(pod => pod.metadata.uid)
  world.lose('b')
  await world.pass(300)
  t.equal(ready(world, 'b'), 'Unknown')
  await world.bringBack('b')
  await world.pass(600)
  t.strictSame(
    world.pods().map(pod => pod.metadata.uid),
    before,
  )
})

t.test('when the link of a site is back, the last node to return gets its full time', async t => {
  const world = await controlled(t)
  await three(world)
  await world.objects.create<Deployment>('Deployment', aDeployment({ template: template(300) }))
  await world.settle()
  const before = world.pods().map(pod => pod.metadata.uid)
  for (const name of ['a', 'b', 'c']) world.lose(name)
  await world.pass(3_600)
  await world.bringBack('a')
  await world.bringBack('b')
  await world.pass(270)
  await world.bringBack('c')
  await world.pass(600)
  t.strictSame(
    world.pods().map(pod => pod.metadata.uid),
    before,
    'nothing was replaced',
  )
})

t.test('a hub that starts anew counts the time of a lost node from its own start', async t => {
  const world = await controlled(t)
  await three(world)
  await world.objects.create<Deployment>('Deployment', aDeployment({ template: template(300) }))
  await world.settle()
  world.lose('a')
  await world.pass(200)
  t.equal(ready(world, 'a'), 'Unknown')
  await world.restartHub(3_600)
  await world.pass(270)
  t.strictSame(placed(world, isTerminating), [], 'the hour of the hub’s own absence does not count')
  await world.pass(60)
  t.strictSame(placed(world, isTerminating), ['a'])
})

t.test('a node that is back while its pods are doubted: from its sign on none is doubted any more', async t => {
  const world = await controlled(t)
  await world.addNode('a')
  await world.objects.create<Deployment>('Deployment', aDeployment({ replicas: 5, template: template(900) }))
  await world.settle()
  const doubted: string[] = []
  world.objects.onChange<Pod>('Pod', ({ name }, now) => {
    const isDoubted = now?.status?.conditions?.some(one => one.type === 'Ready' && one.status === 'Unknown') === true
    if (!isDoubted) return
    doubted.push(name)
    // The sign that comes before its report.
    world.objects.touch('Lease', { namespace: 'kube-node-lease', name: 'a' }, lease => ({ ...lease }))
  })
  world.lose('a')
  await world.clock.advance(200_000)
  await world.settle()
  t.equal(doubted.length, 1)
  await world.bringBack('a')
  t.ok(world.pods().every(isActive))
  t.strictSame(placed(world, isActive), ['a', 'a', 'a', 'a', 'a'])
})
