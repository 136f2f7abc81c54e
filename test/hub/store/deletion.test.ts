import t from 'tap'
import { fails } from '../../support/fails.ts'
import type { Thing } from '../../support/kinds.ts'
import { someObjects } from '../../support/objects.ts'

const aPod = (name: string, rest: Partial<Thing> = {}): Thing => ({
  metadata: { name, namespace: 'default' },
  spec: { nodeName: 'n1', terminationGracePeriodSeconds: 20 },
  ...rest,
})
const at = (name: string) => ({ namespace: 'default', name })

t.test('an object that nothing keeps is gone at once', async t => {
  const objects = await someObjects(t)
  const made = await objects.create<Thing>('ConfigMap', { metadata: { name: 'c', namespace: 'default' } })
  t.match(await objects.remove('ConfigMap', at('c')), {
    isGone: true,
    object: { metadata: { uid: made.metadata.uid } },
  })
  t.equal(objects.get('ConfigMap', at('c')), undefined)
  t.equal(await objects.delete('ConfigMap', at('c')), undefined)
  await fails(t, objects.remove('ConfigMap', at('c')), 'NotFound', /^configmaps "c" not found$/)
})

t.test('a pod that a node holds is marked and stays until the node lets go', async t => {
  const objects = await someObjects(t)
  const made = await objects.create<Thing>('Pod', aPod('p'))
  const { object, isGone } = await objects.remove('Pod', at('p'))
  t.notOk(isGone)
  t.match(object.metadata, {
    deletionTimestamp: '2026-01-02T03:04:25Z',
    deletionGracePeriodSeconds: 20,
    generation: 2,
  })
  objects.clock.now += 5000
  t.strictSame((await objects.remove('Pod', at('p'))).object, object, 'asking again does not prolong it')
  const shorter = await objects.remove('Pod', at('p'), { gracePeriodSeconds: 2 })
  t.match(shorter.object.metadata, { deletionTimestamp: '2026-01-02T03:04:07Z', deletionGracePeriodSeconds: 2 })
  await objects.update('Pod', { ...shorter.object, metadata: { ...shorter.object.metadata, labels: { a: 'b' } } })
  t.ok(objects.get('Pod', at('p')), 'an update does not make it vanish')
  await objects.removeFinally('Pod', at('p'), 'of another pod')
  t.ok(objects.get('Pod', at('p')))
  await objects.removeFinally('Pod', at('p'), made.metadata.uid ?? '')
  t.equal(objects.get('Pod', at('p')), undefined)
  await objects.removeFinally('Pod', at('p'), made.metadata.uid ?? '')
})

t.test('pods that go at once: never bound, ended, or forced', async t => {
  const objects = await someObjects(t)
  await objects.create<Thing>('Pod', aPod('unbound', { spec: {} }))
  const ended = await objects.create<Thing>('Pod', aPod('ended'))
  await objects.update<Thing>('Pod', { ...ended, status: { phase: 'Succeeded' } }, { subresource: 'status' })
  await objects.create<Thing>('Pod', aPod('forced'))
  for (const name of ['unbound', 'ended']) t.match(await objects.remove('Pod', at(name)), { isGone: true }, name)
  t.match(await objects.remove('Pod', at('forced'), { gracePeriodSeconds: 0 }), { isGone: true })
})

t.test('a finalizer keeps a marked object until it is taken off', async t => {
  const objects = await someObjects(t)
  const metadata = { name: 'c', namespace: 'default', finalizers: ['example.com/hold'] }
  await objects.create('ConfigMap', { metadata })
  const { object, isGone } = await objects.remove('ConfigMap', at('c'))
  t.notOk(isGone)
  t.match(object.metadata, { deletionTimestamp: '2026-01-02T03:04:05Z', deletionGracePeriodSeconds: 0 })
  await objects.update('ConfigMap', { ...object, metadata: { ...object.metadata, finalizers: [] } })
  t.equal(objects.get('ConfigMap', at('c')), undefined)
})

t.test('a pod with a finalizer that its node let go of waits for the finalizer alone', async t => {
  const objects = await someObjects(t)
  const metadata = { name: 'p', namespace: 'default', finalizers: ['example.com/hold'] }
  const made = await objects.create<Thing>('Pod', { ...aPod('p'), metadata })
  await objects.delete('Pod', at('p'))
  await objects.removeFinally('Pod', at('p'), made.metadata.uid ?? '')
  const held = objects.get('Pod', at('p'))
  t.match(held?.metadata, { deletionGracePeriodSeconds: 0 })
  await objects.modify('Pod', at('p'), now => ({ ...now, metadata: { ...now.metadata, finalizers: [] } }))
  t.equal(objects.get('Pod', at('p')), undefined)
})

t.test('propagation is written down for the garbage collector', async t => {
  const objects = await someObjects(t)
  const make = (name: string) => objects.create('Deployment', { metadata: { name, namespace: 'default' } })
  await make('a')
  const foreground = await objects.remove('Deployment', at('a'), { propagationPolicy: 'Foreground' })
  t.match(foreground, { isGone: false, object: { metadata: { finalizers: ['foregroundDeletion'] } } })
  await make('b')
  const orphan = await objects.remove('Deployment', at('b'), { propagationPolicy: 'Orphan' })
  t.match(orphan, { isGone: false, object: { metadata: { finalizers: ['orphan'] } } })
  await make('c')
  t.match(await objects.remove('Deployment', at('c'), { propagationPolicy: 'Background' }), { isGone: true })
})

t.test('preconditions that do not hold delete nothing', async t => {
  const objects = await someObjects(t)
  const made = await objects.create<Thing>('ConfigMap', { metadata: { name: 'c', namespace: 'default' } })
  await fails(t, objects.remove('ConfigMap', at('c'), { preconditions: { uid: 'other' } }), 'Conflict', /UID/)
  await fails(t, objects.remove('ConfigMap', at('c'), { preconditions: { resourceVersion: '1' } }), 'Conflict')
  t.match(await objects.remove('ConfigMap', at('c'), { isDryRun: true }), { isGone: true })
  t.ok(objects.get('ConfigMap', at('c')))
  const { uid, resourceVersion } = made.metadata
  await objects.remove('ConfigMap', at('c'), {
    preconditions: { uid: uid ?? '', resourceVersion: resourceVersion ?? '' },
  })
})

t.test('a namespace is Terminating, takes nothing new, and goes when it is finalized', async t => {
  const objects = await someObjects(t)
  await objects.create('Namespace', { metadata: { name: 'shop' } })
  await objects.create('ConfigMap', { metadata: { name: 'c', namespace: 'shop' } })
  const { object, isGone } = await objects.remove('Namespace', { namespace: '', name: 'shop' })
  t.notOk(isGone)
  t.match(object, { status: { phase: 'Terminating' }, metadata: { deletionTimestamp: /./ } })
  const fault = await fails(
    t,
    objects.create('ConfigMap', { metadata: { name: 'd', namespace: 'shop' } }),
    'Forbidden',
    /unable to create new content in namespace shop because it is being terminated/,
  )
  t.equal(fault?.status, 403)
  await objects.update('Namespace', { ...object, ...{ spec: { finalizers: [] } } })
  t.ok(objects.get('Namespace', { namespace: '', name: 'shop' }), 'only /finalize takes its finalizers')
  await objects.update('Namespace', { ...object, ...{ spec: { finalizers: [] } } }, { subresource: 'finalize' })
  t.equal(objects.get('Namespace', { namespace: '', name: 'shop' }), undefined)
})

t.test('the namespaces that every cluster has may not be deleted', async t => {
  const objects = await someObjects(t)
  await fails(t, objects.delete('Namespace', { namespace: '', name: 'default' }), 'Forbidden', /may not be deleted/)
})
