import t from 'tap'
import type { Admit } from '../../../src/hub/ports.ts'
import { fakeStore } from '../../fakes/store.ts'
import { fails } from '../../support/fails.ts'
import type { Thing } from '../../support/kinds.ts'
import { someObjects } from '../../support/objects.ts'

const aThing = (name: string, rest: Partial<Thing> = {}): Thing => ({
  metadata: { name, namespace: 'default' },
  ...rest,
})
const at = (name: string) => ({ namespace: 'default', name })

t.test('a new object gets identity, time, version and defaults, and loses the status it came with', async t => {
  const objects = await someObjects(t)
  const sent: Thing = {
    metadata: { name: 'web', namespace: 'default', uid: 'mine', generation: 7, labels: { app: 'web' } },
    status: { replicas: 3 },
  }
  const made = await objects.create('Deployment', sent)
  t.match(made, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'web',
      uid: /^00000000-/,
      creationTimestamp: '2026-01-02T03:04:05Z',
      generation: 1,
      labels: { app: 'web' },
    },
    spec: { replicas: 1 },
  })
  t.notOk('status' in made)
  t.equal(made.metadata.resourceVersion, String(objects.revision))
  t.strictSame(objects.get('Deployment', at('web')), made)
  t.strictSame(objects.list('Deployment', { namespace: 'default' }), [made])
  t.strictSame(objects.list('Deployment', { namespace: 'other' }), [])
})

t.test('a name is made from generateName, and another one where it is taken', async t => {
  const objects = await someObjects(t)
  const object = { metadata: { generateName: 'web-', namespace: 'default' } }
  const made = await objects.create<Thing>('ConfigMap', object)
  t.match(made.metadata.name, /^web-[b-z2-9]{5}$/)
  await fails(t, objects.create('ConfigMap', object), 'Conflict')
})

t.test('what cannot be made says why', async t => {
  const objects = await someObjects(t)
  await objects.create('Deployment', aThing('web'))
  await fails(
    t,
    objects.create('Deployment', aThing('web')),
    'AlreadyExists',
    /^deployments.apps "web" already exists$/,
  )
  await fails(
    t,
    objects.create('Deployment', aThing('bad', { spec: { replicas: -1 } })),
    'Invalid',
    /^Deployment.apps "bad" is invalid: spec.replicas: Invalid value: must not be negative$/,
  )
  const elsewhere = { metadata: { name: 'web', namespace: 'nowhere' } }
  await fails(t, objects.create('Deployment', elsewhere), 'NotFound', /^namespaces "nowhere" not found$/)
  await fails(t, objects.create('Sandwich', aThing('x')), 'NotFound', /Sandwich/)
  await fails(
    t,
    objects.create('Deployment', { metadata: { ...aThing('new').metadata, resourceVersion: '3' } }),
    'BadRequest',
    /resourceVersion should not be set/,
  )
  const race = await Promise.allSettled(Array.from({ length: 8 }, () => objects.create('ConfigMap', aThing('one'))))
  t.equal(race.filter(one => one.status === 'fulfilled').length, 1)
})

t.test('generation counts changes of the wish, not of labels or status', async t => {
  const objects = await someObjects(t)
  const made = await objects.create<Thing>('Deployment', aThing('web'))
  const labelled = await objects.update('Deployment', { ...made, metadata: { ...made.metadata, labels: { a: 'b' } } })
  t.equal(labelled.metadata.generation, 1)
  const scaled = await objects.update('Deployment', { ...labelled, spec: { replicas: 3 } })
  t.equal(scaled.metadata.generation, 2)
  const reported = await objects.update(
    'Deployment',
    { ...scaled, spec: { replicas: 99 }, status: { readyReplicas: 3 } },
    { subresource: 'status' },
  )
  t.match(reported, { metadata: { generation: 2 }, spec: { replicas: 3 }, status: { readyReplicas: 3 } })
  const again = await objects.update('Deployment', { ...reported, status: { readyReplicas: 77 } })
  t.match(again, { status: { readyReplicas: 3 } }, 'status is written only through its own door')
})

t.test('a write that changes nothing changes no revision', async t => {
  const objects = await someObjects(t)
  const made = await objects.create<Thing>('Deployment', aThing('web'))
  const before = objects.revision
  const { resourceVersion: _, ...metadata } = made.metadata
  t.strictSame(await objects.update('Deployment', { ...made, metadata }), made)
  t.strictSame(await objects.modify<Thing>('Deployment', at('web'), now => ({ ...now, spec: { replicas: 1 } })), made)
  t.equal(objects.revision, before)
})

t.test('an update with a stale version is refused; without one it overwrites', async t => {
  const objects = await someObjects(t)
  const made = await objects.create<Thing>('ConfigMap', aThing('c', { data: { n: '0' } }))
  await objects.update('ConfigMap', { ...made, data: { n: '1' } })
  await fails(
    t,
    objects.update('ConfigMap', { ...made, data: { n: '2' } }),
    'Conflict',
    /^Operation cannot be fulfilled on configmaps "c": the object has been modified/,
  )
  const overwritten = await objects.update('ConfigMap', aThing('c', { data: { n: '3' } }))
  t.match(overwritten, { data: { n: '3' }, metadata: { uid: made.metadata.uid } })
  await fails(
    t,
    objects.update('ConfigMap', { metadata: { ...at('c'), uid: 'other' } }),
    'Conflict',
    /UID in precondition: other/,
  )
  await fails(t, objects.update('ConfigMap', aThing('none')), 'NotFound', /^configmaps "none" not found$/)
})

t.test('of many who modify at once, none is lost', async t => {
  const objects = await someObjects(t)
  await objects.create<Thing>('ConfigMap', aThing('c', { data: { n: '0' } }))
  const add = (now: Thing): Thing => ({ ...now, data: { n: String(Number(now.data?.['n']) + 1) } })
  await Promise.all(Array.from({ length: 5 }, () => objects.modify<Thing>('ConfigMap', at('c'), add)))
  t.match(objects.get('ConfigMap', at('c')), { data: { n: '5' } })
  t.equal(await objects.modify('ConfigMap', at('none'), now => now), undefined)
  const same = objects.get('ConfigMap', at('c'))
  t.equal(await objects.modify('ConfigMap', at('c'), () => undefined), same)
})

t.test('a dry run says what would be and does nothing', async t => {
  const objects = await someObjects(t)
  const before = objects.revision
  const made = await objects.create('Deployment', aThing('web'), { isDryRun: true })
  t.match(made, { spec: { replicas: 1 }, metadata: { uid: /./ } })
  t.equal(objects.get('Deployment', at('web')), undefined)
  t.equal(objects.revision, before)
})

t.test('changes are told once, in order, after the cache has them', async t => {
  const objects = await someObjects(t)
  const told: string[] = []
  const off = objects.onChange<Thing>('ConfigMap', (key, now, before) => {
    t.equal(objects.get('ConfigMap', key), now)
    told.push(`${key.name} ${before?.data?.['n']} -> ${now?.data?.['n']}`)
  })
  const made = await objects.create<Thing>('ConfigMap', aThing('c', { data: { n: '0' } }))
  await objects.update('ConfigMap', { ...made, data: { n: '1' } })
  await objects.create('Secret', aThing('c'))
  await objects.delete('ConfigMap', at('c'))
  off()
  await objects.create<Thing>('ConfigMap', aThing('d'))
  t.strictSame(told, ['c undefined -> 0', 'c 0 -> 1', 'c 1 -> undefined'])
})

t.test('objects are there again after the hub has restarted', async t => {
  const store = fakeStore()
  const first = await someObjects(t, { store })
  const made = await first.create<Thing>('ConfigMap', aThing('c', { data: { n: '0' } }))
  await first.close()
  const second = await someObjects(t, { store })
  t.strictSame(second.get('ConfigMap', at('c')), made)
  t.equal(second.revision, first.revision)
})

t.test('Secrets lie sealed in the store, and only they', async t => {
  const objects = await someObjects(t)
  await objects.create('Secret', aThing('s', { data: { password: 'b3BlbnNlc2FtZQ==' } }))
  await objects.create('ConfigMap', aThing('c', { data: { colour: 'blue' } }))
  const textOf = async (key: string) => new TextDecoder().decode((await objects.store.get(key))?.value)
  t.notMatch(await textOf('/core/secrets/default/s'), /b3BlbnNlc2FtZQ/)
  t.match(await textOf('/core/configmaps/default/c'), /blue/)
  t.match(objects.get('Secret', at('s')), { data: { password: 'b3BlbnNlc2FtZQ==' } })
})

t.test('admission fills in what only the hub can decide, never twice at once', async t => {
  const allocate: Admit = (object, before, objects) => {
    const taken = objects.list<Thing>('ConfigMap').map(one => Number(one.data?.['port'] ?? 0))
    const data = before === undefined ? { port: String(Math.max(30000, ...taken) + 1) } : undefined
    return data === undefined ? object : { ...object, data }
  }
  const objects = await someObjects(t, { admission: { ConfigMap: allocate } })
  await Promise.all(Array.from({ length: 10 }, (_, i) => objects.create('ConfigMap', aThing(`c${i}`))))
  const ports = objects.list<Thing>('ConfigMap').map(one => one.data?.['port'])
  t.equal(new Set(ports).size, 10)
})

t.test('heartbeats are seen by all who read or listen, and never reach the store', async t => {
  const objects = await someObjects(t)
  await objects.create<Thing>('Node', { metadata: { name: 'n1' } })
  const before = await objects.store.revision()
  const seen: unknown[] = []
  objects.onChange<Thing>('Node', (_, now) => seen.push(now?.status?.['beat']))
  objects.touch<Thing>('Node', { namespace: '', name: 'n1' }, now => ({ ...now, status: { beat: 1 } }))
  objects.touch<Thing>('Node', { namespace: '', name: 'none' }, now => now)
  t.match(objects.get('Node', { namespace: '', name: 'n1' }), { status: { beat: 1 } })
  t.strictSame(seen, [1])
  t.equal(await objects.store.revision(), before)
  const labelled = await objects.modify<Thing>('Node', { namespace: '', name: 'n1' }, now => ({
    ...now,
    metadata: { ...now.metadata, labels: { a: 'b' } },
  }))
  t.match(labelled, { status: { beat: 1 }, metadata: { labels: { a: 'b' } } })
})

t.test('kinds in memory are written as others are, and never reach the store', async t => {
  const objects = await someObjects(t)
  const before = await objects.store.revision()
  const made = await objects.create<Thing>('Lease', aThing('l', { spec: { n: 1 } }))
  const updated = await objects.update<Thing>('Lease', { ...made, spec: { n: 2 } })
  t.ok(Number(updated.metadata.resourceVersion) > Number(made.metadata.resourceVersion))
  await fails(t, objects.update<Thing>('Lease', { ...made, spec: { n: 3 } }), 'Conflict')
  await fails(t, objects.create('Lease', aThing('l')), 'AlreadyExists')
  await objects.delete('Lease', at('l'))
  t.equal(objects.get('Lease', at('l')), undefined)
  t.equal(await objects.store.revision(), before)
})

t.test('an object in the store that cannot be read hides itself alone', async t => {
  const store = fakeStore()
  const first = await someObjects(t, { store })
  await first.create<Thing>('ConfigMap', aThing('good'))
  await first.create<Thing>('Secret', aThing('sealed'))
  await first.close()
  const put = (key: string, value: Uint8Array) =>
    store.transact({ compare: [], operations: [{ operation: 'put', key, value }] })
  await put('/core/configmaps/default/torn', new TextEncoder().encode('{"metadata": '))
  await put('/core/secrets/default/foreign', Uint8Array.from([1, 2, 3]))
  await put('/core/sandwiches/default/cheese', new TextEncoder().encode('{"metadata":{"name":"cheese"}}'))
  const second = await someObjects(t, { store })
  t.equal(second.list('ConfigMap').length, 1)
  t.equal(second.list('Secret').length, 1)
  await second.create<Thing>('ConfigMap', aThing('new'))
  t.ok(await store.get('/core/sandwiches/default/cheese'), 'what a newer hub stored stays')
})

t.test('a listener that fails keeps nothing from the others', async t => {
  const objects = await someObjects(t)
  const seen: string[] = []
  objects.onChange('ConfigMap', () => {
    throw new Error('mine')
  })
  objects.onChange('ConfigMap', key => seen.push(key.name))
  await objects.create<Thing>('ConfigMap', aThing('c'))
  t.strictSame(seen, ['c'])
})

t.test('an object that grew too large by patches is refused', async t => {
  const objects = await someObjects(t)
  await objects.create<Thing>('ConfigMap', aThing('c'))
  const grow = objects.modify<Thing>('ConfigMap', at('c'), now => ({ ...now, data: { blob: 'x'.repeat(3 << 20) } }))
  await fails(t, grow, 'RequestEntityTooLarge', /ConfigMap "c" is too large to be stored/)
})

t.test('old revisions are forgotten as new ones come, and nothing that is there', async t => {
  const plain = fakeStore()
  const forgotten: number[] = []
  const store = Object.assign(plain, {
    compact: async (revision: number) => {
      forgotten.push(revision)
    },
  })
  const objects = await someObjects(t, { store })
  await objects.create<Thing>('ConfigMap', aThing('c'))
  t.strictSame(forgotten, [])
  const puts = Array.from({ length: 10_000 }, (_, i) =>
    store.transact({
      compare: [],
      operations: [{ operation: 'put', key: `/other/${i % 7}`, value: new Uint8Array(1) }],
    }),
  )
  await Promise.all(puts)
  const { metadata } = await objects.create<Thing>('ConfigMap', aThing('d'))
  t.equal(forgotten.length, 1)
  t.ok((forgotten[0] ?? 0) < Number(metadata.resourceVersion) - 4000)
})
