import t, { type Test } from 'tap'
import { allKinds } from '../../../src/api/kinds.ts'
import type { Namespace, Node, Service } from '../../../src/api/types.ts'
import { neighbourhoodIndex } from '../../../src/hub/fleet/neighbourhood-index.ts'
import { openObjects } from '../../../src/hub/store/open-objects.ts'
import { silentLog } from '../../../src/lib/log.ts'
import { manualClock } from '../../fakes/clock.ts'
import { fakeStore } from '../../fakes/store.ts'

const aNode = (name: string, site: string, address = '192.168.1.1'): Node => ({
  metadata: { name, labels: { 'dunlin.io/site': site } },
  spec: { podCIDR: '10.64.0.0/25' },
  status: { addresses: [{ type: 'InternalIP', address }] },
})

const aSite = async (t: Test, nodes: number) => {
  const clock = manualClock()
  let uid = 0
  const objects = openObjects({
    store: fakeStore(),
    kinds: allKinds,
    admission: {},
    atRest: { seal: plain => plain, open: sealed => sealed },
    now: clock.now,
    newUid: () => {
      uid += 1
      return `00000000-0000-4000-8000-${String(uid).padStart(12, '0')}`
    },
    random: () => 0.5,
    log: silentLog,
  })
  await objects.synced()
  await objects.create<Namespace>('Namespace', { metadata: { name: 'default' } })
  for (let index = 0; index < nodes; index += 1) await objects.create<Node>('Node', aNode(`n${index}`, 'a'))
  const told: number[] = []
  const index = neighbourhoodIndex({ objects, clock, stale: nodes => told.push([...nodes].length) })
  t.teardown(async () => {
    index.close()
    await objects.close()
  })
  const label = (count: number) =>
    objects.modify<Service>('Service', { namespace: 'default', name: 'web' }, now => ({
      ...now,
      spec: { ...now.spec, ports: [{ port: 80 + count }] },
    }))
  await objects.create<Service>('Service', {
    metadata: { name: 'web', namespace: 'default', labels: { 'dunlin.io/site': 'a' } },
    spec: { ports: [{ port: 80 }] },
  })
  return { clock, objects, index, told, label }
}

t.test('a Service that changes without end is told to a site in rounds, and not each time', async t => {
  const { clock, told, label, index } = await aSite(t, 60)
  t.strictSame(told, [60], 'the first change at once')
  for (let count = 1; count <= 50; count += 1) await label(count)
  t.strictSame(told, [60])
  await clock.advance(60_000)
  t.strictSame(told, [60, 60])
  t.ok(index.render('n0')?.text.includes('"port":130'))
})

t.test('who asks between two rounds gets the last round’s document, in its order', async t => {
  const { clock, objects, label, index } = await aSite(t, 60)
  const first = index.render('n0')
  await label(1)
  t.equal(index.render('n7'), first, 'one for all')
  t.ok((first?.revision ?? 0) < objects.revision)
  await clock.advance(60_000)
  const next = index.render('n7')
  t.ok((next?.revision ?? 0) > (first?.revision ?? 0))
  t.not(next?.digest, first?.digest)
})

t.test('a node that moves to another site gets a document of a later order than the one it had', async t => {
  const { clock, objects, index } = await aSite(t, 3)
  await objects.create<Node>('Node', aNode('far', 'b'))
  await clock.advance(60_000)
  const old = index.render('far')
  await objects.modify<Node>(
    'Node',
    { namespace: '', name: 'n1' },
    now => ({ ...now, status: aNode('n1', 'a', '10.0.0.9').status }),
    { subresource: 'status' },
  )
  await clock.advance(60_000)
  const had = index.render('n1')
  t.ok((had?.revision ?? 0) > (old?.revision ?? 0))
  await objects.modify<Node>('Node', { namespace: '', name: 'n1' }, now => ({
    ...now,
    metadata: { ...now.metadata, labels: { 'dunlin.io/site': 'b' } },
  }))
  t.ok((index.render('n1')?.revision ?? 0) > (had?.revision ?? 0))
})
