import t from 'tap'
import type { ConfigMap, Deployment, KubeObject, Pod, ReplicaSet } from '../../../src/api/types.ts'
import { aDeployment, controlled } from '../../support/controlled.ts'

const web = { namespace: 'default', name: 'web' }

const running = async (t: Parameters<typeof controlled>[0]) => {
  const world = await controlled(t)
  await world.addNode('a')
  await world.objects.create<Deployment>('Deployment', aDeployment())
  await world.settle()
  return world
}

t.test('what a deleted Deployment made goes after it', async t => {
  const world = await running(t)
  await world.objects.delete('Deployment', web, { propagationPolicy: 'Background' })
  await world.settle()
  t.strictSame(world.objects.list<ReplicaSet>('ReplicaSet'), [])
  t.strictSame(world.pods(), [])
  t.strictSame(world.complaints, [])
})

t.test('deleted in the foreground it stays until its pods are gone', async t => {
  const world = await running(t)
  world.lose('a')
  await world.objects.delete('Deployment', web, { propagationPolicy: 'Foreground' })
  await world.settle()
  t.ok(world.objects.get('Deployment', web)?.metadata.deletionTimestamp)
  t.ok(world.pods().every(pod => pod.metadata.deletionTimestamp !== undefined))
  await world.bringBack('a')
  await world.settle()
  t.equal(world.objects.get('Deployment', web), undefined)
  t.strictSame(world.objects.list<ReplicaSet>('ReplicaSet'), [])
  t.strictSame(world.pods(), [])
  t.strictSame(world.complaints, [])
})

t.test('deleted with orphans it leaves its pods running, and a new one adopts them', async t => {
  const world = await running(t)
  const before = world.pods().map(pod => pod.metadata.uid)
  await world.objects.delete('Deployment', web, { propagationPolicy: 'Orphan' })
  await world.settle()
  t.equal(world.objects.get('Deployment', web), undefined)
  const [orphan] = world.objects.list<ReplicaSet>('ReplicaSet')
  t.strictSame(orphan?.metadata.ownerReferences ?? [], [])
  await world.objects.create<Deployment>('Deployment', aDeployment())
  await world.settle()
  t.strictSame(
    world.pods().map(pod => pod.metadata.uid),
    before,
  )
  t.match(world.objects.list<ReplicaSet>('ReplicaSet'), [{ metadata: { ownerReferences: [{ kind: 'Deployment' }] } }])
})

t.test('an object with several owners stays while one of them is there', async t => {
  const { objects, ...world } = await controlled(t)
  const make = (name: string, owners: readonly KubeObject[] = []) =>
    objects.create<ConfigMap>('ConfigMap', {
      metadata: {
        name,
        namespace: 'default',
        ownerReferences: owners.map(owner => ({
          apiVersion: 'v1',
          kind: 'ConfigMap',
          name: owner.metadata.name ?? '',
          uid: owner.metadata.uid ?? '',
        })),
      },
    })
  const [one, two] = [await make('one'), await make('two')]
  await make('child', [one, two])
  await objects.delete('ConfigMap', { namespace: 'default', name: 'one' })
  await world.settle()
  const child = objects.get('ConfigMap', { namespace: 'default', name: 'child' })
  t.strictSame(
    child?.metadata.ownerReferences?.map(owner => owner.name),
    ['two'],
  )
  await objects.delete('ConfigMap', { namespace: 'default', name: 'two' })
  await world.settle()
  t.equal(objects.get('ConfigMap', { namespace: 'default', name: 'child' }), undefined)
})

t.test('an owner that never was: what names it goes', async t => {
  const { objects, ...world } = await controlled(t)
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'gone', uid: 'no-such-uid', controller: true }
  await objects.create<Pod>('Pod', {
    metadata: { name: 'left', namespace: 'default', ownerReferences: [owner] },
    spec: { containers: [{ name: 'a', image: 'a' }] },
  })
  await world.settle()
  t.strictSame(world.pods(), [])
})

t.test('pods of a node that was removed go after a while, and not when it is back by then', async t => {
  const world = await running(t)
  await world.addNode('b')
  await world.objects.delete('Node', { namespace: '', name: 'a' })
  await world.settle()
  await world.pass(30)
  t.ok(world.pods().some(pod => pod.spec?.nodeName === 'a'))
  await world.pass(30)
  t.notOk(world.pods().some(pod => pod.spec?.nodeName === 'a'))
  t.equal(world.pods().length, 3)
})
