import t from 'tap'
import type { Deployment, EndpointSlice, Pod, ReplicaSet, Service } from '../../../src/api/types.ts'
import { aDeployment, controlled } from '../../support/controlled.ts'

const web = { namespace: 'default', name: 'web' }

t.test('a Deployment becomes bound pods that run, and says so', async t => {
  const world = await controlled(t)
  await world.addNode('a')
  await world.addNode('b')
  await world.addNode('c')
  await world.objects.create<Deployment>('Deployment', aDeployment())
  await world.settle()
  t.strictSame(
    world
      .pods()
      .map(pod => pod.spec?.nodeName)
      .toSorted(),
    ['a', 'b', 'c'],
  )
  const deployment = world.objects.get<Deployment>('Deployment', web)
  t.match(deployment?.status, {
    observedGeneration: 1,
    replicas: 3,
    updatedReplicas: 3,
    readyReplicas: 3,
    availableReplicas: 3,
    unavailableReplicas: 0,
    conditions: [
      { type: 'Available', status: 'True', reason: 'MinimumReplicasAvailable' },
      { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable' },
    ],
  })
  t.equal(deployment?.metadata.annotations?.['deployment.kubernetes.io/revision'], '1')
  t.strictSame(world.complaints, [])
})

t.test('a rolling update never has fewer ready endpoints than replicas', async t => {
  const world = await controlled(t)
  await world.addNode('a')
  await world.addNode('b')
  const service: Service = {
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] },
  }
  await world.objects.create<Service>('Service', service)
  const strategy = { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } }
  await world.objects.create<Deployment>('Deployment', aDeployment({ strategy }))
  await world.settle()
  const readyNow = (): number =>
    world.objects
      .list<EndpointSlice>('EndpointSlice')
      .flatMap(slice => slice.endpoints ?? [])
      .filter(endpoint => endpoint.conditions?.ready === true).length
  t.equal(readyNow(), 3)
  const seen: number[] = []
  t.teardown(world.objects.onChange('EndpointSlice', () => seen.push(readyNow())))
  await world.objects.modify<Deployment>('Deployment', web, now => ({
    ...now,
    spec: { ...now.spec!, template: aDeployment({}, 'web', 'web:2').spec!.template },
  }))
  await world.settle()
  t.strictSame(new Set(world.pods().map(pod => pod.spec?.containers[0]?.image)), new Set(['web:2']))
  t.equal(world.pods().length, 3)
  t.ok(seen.length > 3)
  t.equal(Math.min(...seen), 3)
  const sets = world.objects.list<ReplicaSet>('ReplicaSet')
  t.strictSame(sets.map(one => one.spec?.replicas).toSorted(), [0, 3])
  t.strictSame(world.complaints, [])
})

t.test('a fleet in which nothing happens writes nothing', async t => {
  const world = await controlled(t)
  await world.addNode('a')
  await world.addNode('b')
  await world.objects.create<Service>('Service', {
    metadata: { name: 'web', namespace: 'default' },
    spec: { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] },
  })
  await world.objects.create<Deployment>('Deployment', aDeployment())
  // A pod that fits nowhere, and a roll-out that has failed, are no reason to write either.
  await world.objects.create<Deployment>('Deployment', aDeployment({ progressDeadlineSeconds: 60 }, 'stuck', 'stuck:1'))
  world.isReady = pod => pod.metadata.labels?.['app'] !== 'stuck'
  const large = { name: 'web', image: 'web:1', resources: { requests: { memory: '64Gi' } } }
  await world.objects.create<Pod>('Pod', {
    metadata: { name: 'large', namespace: 'default' },
    spec: { containers: [large] },
  })
  await world.settle()
  // Events have gone after their hour.
  await world.pass(4_000)
  const before = world.objects.revision
  await world.pass(4_000)
  t.equal(world.objects.revision, before)
  t.strictSame(world.complaints, [])
})

t.test('a roll-out that makes no progress in its time says so', async t => {
  const world = await controlled(t)
  await world.addNode('a')
  world.isReady = () => false
  await world.objects.create<Deployment>('Deployment', aDeployment({ progressDeadlineSeconds: 60 }))
  await world.settle()
  const progress = () =>
    world.objects.get<Deployment>('Deployment', web)?.status?.conditions?.find(one => one.type === 'Progressing')
  t.match(progress(), { status: 'True' })
  await world.pass(90)
  t.match(progress(), { status: 'False', reason: 'ProgressDeadlineExceeded', message: /has timed out progressing/ })
  world.isReady = () => true
  await world.settle()
  t.match(progress(), { status: 'True', reason: 'NewReplicaSetAvailable' })
})

t.test('with minReadySeconds a pod counts as available only after them', async t => {
  const world = await controlled(t)
  await world.addNode('a')
  await world.objects.create<Deployment>('Deployment', aDeployment({ replicas: 1, minReadySeconds: 20 }))
  await world.settle()
  const status = () => world.objects.get<Deployment>('Deployment', web)?.status
  t.match(status(), { readyReplicas: 1, availableReplicas: 0 })
  await world.pass(30)
  t.match(status(), { availableReplicas: 1 })
})
