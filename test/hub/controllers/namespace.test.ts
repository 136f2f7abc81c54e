import t from 'tap'
import type { ConfigMap, Deployment, Namespace, ServiceAccount } from '../../../src/api/types.ts'
import { nameOf } from '../../../src/core/workloads/pod-facts.ts'
import { aDeployment, controlled } from '../../support/controlled.ts'
import { fails } from '../../support/fails.ts'

t.test('the namespaces that are always there are made, each with its ServiceAccount', async t => {
  const { objects, complaints } = await controlled(t)
  const names = ['default', 'kube-node-lease', 'kube-public', 'kube-system']
  t.strictSame(objects.list<Namespace>('Namespace').map(nameOf), names)
  t.strictSame(
    objects.list<ServiceAccount>('ServiceAccount').map(one => `${one.metadata.namespace}/${nameOf(one)}`),
    names.map(name => `${name}/default`),
  )
  t.strictSame(complaints, [])
})

t.test('a namespace goes with all that is in it', async t => {
  const world = await controlled(t)
  const { objects } = world
  await world.addNode('a')
  await objects.create<Namespace>('Namespace', { metadata: { name: 'shop' } })
  const deployment = aDeployment()
  await objects.create<Deployment>('Deployment', {
    ...deployment,
    metadata: { ...deployment.metadata, namespace: 'shop' },
  })
  await objects.create<ConfigMap>('ConfigMap', { metadata: { name: 'settings', namespace: 'shop' }, data: { a: 'b' } })
  await world.settle()
  t.equal(world.pods().length, 3)
  await objects.delete('Namespace', { namespace: '', name: 'shop' })
  await world.settle()
  await world.pass(30)
  t.equal(objects.get('Namespace', { namespace: '', name: 'shop' }), undefined)
  t.strictSame(world.pods(), [])
  t.strictSame(world.complaints, [])
})

t.test('a namespace whose pods cannot go yet says what remains', async t => {
  const world = await controlled(t)
  const { objects } = world
  await world.addNode('a')
  await objects.create<Namespace>('Namespace', { metadata: { name: 'shop' } })
  const deployment = aDeployment({ replicas: 1 })
  await objects.create<Deployment>('Deployment', {
    ...deployment,
    metadata: { ...deployment.metadata, namespace: 'shop' },
  })
  await world.settle()
  world.lose('a')
  await objects.delete('Namespace', { namespace: '', name: 'shop' })
  await world.settle()
  const shop = objects.get<Namespace>('Namespace', { namespace: '', name: 'shop' })
  t.match(shop?.status?.conditions, [{ message: /pods has 1 resource instances/ }])
})

t.test('the namespaces that are always there cannot be deleted', async t => {
  const { objects } = await controlled(t)
  await fails(
    t,
    objects.delete('Namespace', { namespace: '', name: 'kube-system' }),
    'Forbidden',
    /^namespaces "kube-system" is forbidden: this namespace may not be deleted$/,
  )
})
