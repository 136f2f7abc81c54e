import t from 'tap'
import type { KubeObject } from '../../../src/api/types.ts'
import { fakeStore } from '../../fakes/store.ts'
import { startKit } from '../../support/rest.ts'

const path = '/api/v1/namespaces/default/configmaps'
const aConfigMap = (name: string, rest = {}) => ({ metadata: { name, namespace: 'default', ...rest } })

t.test('a watch without a version tells what is there, then what happens', async t => {
  const { watch, objects } = await startKit(t)
  await objects.create('ConfigMap', aConfigMap('a'))
  const stream = await watch({ path: `${path}?watch=True` })
  t.equal(stream.status, 200)
  t.match(await stream.next(), { type: 'ADDED', object: { kind: 'ConfigMap', metadata: { name: 'a' } } })
  const b = await objects.create('ConfigMap', aConfigMap('b'))
  t.strictSame(await stream.next(), { type: 'ADDED', object: b })
  const changed = await objects.modify('ConfigMap', { namespace: 'default', name: 'b' }, now => ({
    ...now,
    metadata: { ...now.metadata, labels: { x: 'y' } },
  }))
  t.strictSame(await stream.next(), { type: 'MODIFIED', object: changed })
  await objects.create('Secret', aConfigMap('other'))
  await objects.delete('ConfigMap', { namespace: 'default', name: 'b' })
  const last = await stream.next()
  t.match(last, { type: 'DELETED', object: { metadata: { name: 'b', labels: { x: 'y' } } } })
  t.ok(Number(last.object.metadata.resourceVersion) > Number(changed?.metadata.resourceVersion))
  stream.stop()
})

t.test('a watch from a version tells what came after it', async t => {
  const { watch, objects } = await startKit(t)
  const a = await objects.create<KubeObject>('ConfigMap', aConfigMap('a'))
  await objects.create('ConfigMap', aConfigMap('b'))
  const stream = await watch({ path: `${path}?watch=1&resourceVersion=${a.metadata.resourceVersion}` })
  t.match(await stream.next(), { type: 'ADDED', object: { metadata: { name: 'b' } } })
  stream.stop()
})

t.test('what enters a selection is ADDED, what leaves it is DELETED', async t => {
  const { watch, objects } = await startKit(t)
  const stream = await watch({ path: `${path}?watch=true&labelSelector=x%3Dy` })
  await objects.create('ConfigMap', aConfigMap('a'))
  const label = (labels: { [name: string]: string }) =>
    objects.modify('ConfigMap', { namespace: 'default', name: 'a' }, now => ({
      ...now,
      metadata: { ...now.metadata, labels },
    }))
  await label({ x: 'y' })
  t.match(await stream.next(), { type: 'ADDED', object: { metadata: { labels: { x: 'y' } } } })
  await label({ x: 'y', z: 'z' })
  t.match(await stream.next(), { type: 'MODIFIED' })
  await label({ x: 'n' })
  t.match(await stream.next(), { type: 'DELETED', object: { metadata: { name: 'a' } } })
  await label({ x: 'm' })
  await objects.create('ConfigMap', aConfigMap('b', { labels: { x: 'y' } }))
  t.match(await stream.next(), { type: 'ADDED', object: { metadata: { name: 'b' } } })
  stream.stop()
})

t.test('a watch of one name, and of all namespaces', async t => {
  const { watch, objects } = await startKit(t)
  const one = await watch({ path: `${path}?watch=true&fieldSelector=metadata.name%3Db` })
  const all = await watch({ path: '/api/v1/configmaps?watch=true' })
  await objects.create('ConfigMap', aConfigMap('a'))
  await objects.create('ConfigMap', aConfigMap('b'))
  await objects.create('ConfigMap', { metadata: { name: 'c', namespace: 'kube-system' } })
  t.match(await one.next(), { object: { metadata: { name: 'b' } } })
  for (const name of ['a', 'b', 'c']) t.match(await all.next(), { object: { metadata: { name } } })
  one.stop()
  all.stop()
})

t.test('a version that is too old, or from the future, is Expired', async t => {
  const { watch, objects } = await startKit(t)
  const lease = await objects.create<KubeObject>('Lease', aConfigMap('l'))
  for (let i = 0; i < 4200; i += 1)
    await objects.modify('Lease', { namespace: 'default', name: 'l' }, now => ({
      ...now,
      spec: { leaseTransitions: i },
    }))
  const leases = '/apis/coordination.k8s.io/v1/leases'
  const old = await watch({ path: `${leases}?watch=true&resourceVersion=${lease.metadata.resourceVersion}` })
  t.match(await old.next(), { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } })
  await old.ended
  const future = await watch({ path: `${path}?watch=true&resourceVersion=99999999` })
  t.match(await future.next(), { type: 'ERROR', object: { code: 410 } })
})

t.test('a streaming list tells where it ends', async t => {
  const { watch, ask, objects } = await startKit(t)
  await objects.create('ConfigMap', aConfigMap('a'))
  const query = 'watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan'
  const stream = await watch({ path: `${path}?${query}&resourceVersion=1` })
  t.match(await stream.next(), { type: 'ADDED', object: { metadata: { name: 'a' } } })
  t.strictSame(await stream.next(), {
    type: 'BOOKMARK',
    object: {
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: { resourceVersion: String(objects.revision), annotations: { 'k8s.io/initial-events-end': 'true' } },
    },
  })
  await objects.create('ConfigMap', aConfigMap('b'))
  t.match(await stream.next(), { type: 'ADDED', object: { metadata: { name: 'b' } } })
  stream.stop()
  t.match(await ask({ path: `${path}?watch=true&sendInitialEvents=true` }), {
    status: 422,
    json: { reason: 'Invalid' },
  })
})

t.test('bookmarks tell how far it is, in the shape of the kind', async t => {
  const { watch, objects } = await startKit(t, { bookmarkEveryMs: 5 })
  const stream = await watch({ path: `${path}?watch=true&allowWatchBookmarks=true` })
  t.strictSame(await stream.next(), {
    type: 'BOOKMARK',
    object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { resourceVersion: String(objects.revision) } },
  })
  stream.stop()
})

t.test('a watch as Table has one row an event, and its columns once', async t => {
  const { watch, objects } = await startKit(t)
  await objects.create('ConfigMap', aConfigMap('a'))
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'
  const stream = await watch({ path: `${path}?watch=true`, headers: { accept } })
  await objects.create('ConfigMap', aConfigMap('b'))
  const [first, second] = [await stream.next(), await stream.next()]
  t.match(first, {
    type: 'ADDED',
    object: { kind: 'Table', rows: [{ cells: ['a', 0, /s$/] }], columnDefinitions: [{}, {}, {}] },
  })
  t.match(second, { type: 'ADDED', object: { rows: [{ cells: ['b', 0, /s$/] }] } })
  t.strictSame(second.object['columnDefinitions'], [])
  stream.stop()
})

t.test('a watch ends cleanly after timeoutSeconds, and when the hub stops', async t => {
  const { watch, server } = await startKit(t)
  await (await watch({ path: `${path}?watch=true&timeoutSeconds=1` })).ended
  const open = await watch({ path: `${path}?watch=true` })
  await Promise.all([server.close(), open.ended])
})

t.test('a client that does not read is given up, and others are not held up', async t => {
  const { watch, objects } = await startKit(t)
  const slow = await watch({ path: `${path}?watch=true` })
  const fast = await watch({ path: `${path}?watch=true` })
  let seen = 0
  const blob = 'x'.repeat(100_000)
  // The slow one never asks for its lines, but its kernel takes some: the server's queue fills only with many.
  slow.pause()
  for (let i = 0; i < 2300; i += 1) {
    await objects.create('ConfigMap', aConfigMap(`c${i}`, i < 200 ? { annotations: { blob } } : {}))
    await fast.next()
    seen += 1
  }
  t.equal(seen, 2300)
  slow.resume()
  await slow.ended
  fast.stop()
})

t.test('after a restart of the hub, who was up to date goes on, and who was not lists again', async t => {
  const store = fakeStore()
  const first = await startKit(t, { store })
  const old = await first.objects.create<KubeObject>('ConfigMap', aConfigMap('a'))
  await first.objects.create('ConfigMap', aConfigMap('b'))
  const { revision } = first.objects
  await first.objects.close()
  const second = await startKit(t, { store })
  const stale = await second.watch({ path: `${path}?watch=true&resourceVersion=${old.metadata.resourceVersion}` })
  t.match(await stale.next(), { type: 'ERROR', object: { code: 410 } })
  const current = await second.watch({ path: `${path}?watch=true&resourceVersion=${revision}` })
  await second.objects.create('ConfigMap', aConfigMap('c'))
  t.match(await current.next(), { type: 'ADDED', object: { metadata: { name: 'c' } } })
  current.stop()
})
