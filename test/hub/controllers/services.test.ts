import t from 'tap'
import type { EndpointSlice, Node, Service } from '../../../src/api/types.ts'
import { aDeployment, controlled } from '../../support/controlled.ts'
import { fails } from '../../support/fails.ts'

const aService = (spec: Service['spec'] = {}, name = 'web'): Service => ({
  metadata: { name, namespace: 'default' },
  spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }], ...spec },
})

t.test('a node port that is taken is refused, and free again with its Service', async t => {
  const { objects } = await controlled(t)
  const spec = { type: 'NodePort', ports: [{ port: 80, nodePort: 31_111 }] }
  await objects.create<Service>('Service', aService(spec))
  await fails(
    t,
    objects.create<Service>('Service', aService(spec, 'other')),
    'Invalid',
    /^Service "other" is invalid: spec.ports\[0\].nodePort: Invalid value: 31111: provided port is already allocated$/,
  )
  await objects.delete('Service', { namespace: 'default', name: 'web' })
  const other = await objects.create<Service>('Service', aService(spec, 'other'))
  t.equal(other.spec?.ports?.[0]?.nodePort, 31_111)
})

t.test('Services made all at once get different addresses and ports', async t => {
  const { objects } = await controlled(t)
  const made = await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      objects.create<Service>('Service', aService({ type: 'NodePort' }, `web-${index}`)),
    ),
  )
  t.equal(new Set(made.map(one => one.spec?.clusterIP)).size, 40)
  t.equal(new Set(made.map(one => one.spec?.ports?.[0]?.nodePort)).size, 40)
})

t.test('endpoints follow the pods: ready, not ready, gone', async t => {
  const world = await controlled(t)
  await world.addNode('a')
  await world.objects.create<Service>('Service', aService())
  await world.objects.create('Deployment', aDeployment({ replicas: 2 }))
  await world.settle()
  const told = () =>
    world.objects
      .list<EndpointSlice>('EndpointSlice')
      .flatMap(slice => slice.endpoints ?? [])
      .map(one => `${one.conditions?.ready}`)
  t.strictSame(told(), ['true', 'true'])
  const [first] = world.pods()
  world.isReady = pod => pod.metadata.uid !== first?.metadata.uid
  await world.settle()
  t.strictSame(told().toSorted(), ['false', 'true'])
  await world.objects.delete('Service', { namespace: 'default', name: 'web' })
  await world.settle()
  t.strictSame(world.objects.list<EndpointSlice>('EndpointSlice'), [])
  t.strictSame(world.complaints, [])
})

t.test('a LoadBalancer answers at the ready nodes', async t => {
  const world = await controlled(t)
  await world.addNode('a')
  await world.addNode('b')
  await world.objects.create<Service>('Service', aService({ type: 'LoadBalancer' }))
  await world.clock.advance(200)
  await world.settle()
  const ingress = () => {
    const service = world.objects.get<Service>('Service', { namespace: 'default', name: 'web' })
    return (service?.status?.loadBalancer?.ingress ?? []).map(one => one.ip)
  }
  const addressOf = (name: string) =>
    world.objects.get<Node>('Node', { namespace: '', name })?.status?.addresses?.[0]?.address
  t.strictSame(ingress(), [addressOf('a'), addressOf('b')])
  world.lose('a')
  await world.pass(200)
  t.strictSame(ingress(), [addressOf('b')])
  t.strictSame(world.complaints, [])
})
