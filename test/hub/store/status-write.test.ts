import t from 'tap'
import { fakeStore } from '../../fakes/store.ts'
import { aTestKind, type Thing, testKinds } from '../../support/kinds.ts'
import { someObjects } from '../../support/objects.ts'

t.test('a status written by a newer hub leaves the wish as it was stored', async t => {
  const store = fakeStore()
  const words = { kind: 'Pod', plural: 'pods', hasStatus: true }
  const others = testKinds.filter(kind => kind.kind !== 'Pod')
  const older = await someObjects(t, { store, kinds: [...others, aTestKind(words)] })
  await older.create<Thing>('Pod', { metadata: { name: 'web', namespace: 'default' }, spec: { image: 'web:1' } })
  const defaults = (pod: Thing): Thing => ({ ...pod, spec: { newField: true, ...pod.spec } })
  const newer = await someObjects(t, { store, kinds: [...others, aTestKind({ ...words, defaults })] })
  const status = { phase: 'Running' }
  const written = await newer.modify<Thing>('Pod', { namespace: 'default', name: 'web' }, now => ({ ...now, status }), {
    subresource: 'status',
  })
  t.strictSame(written?.spec, { image: 'web:1' })
  t.strictSame(written?.status, status)
  t.equal(written?.metadata.generation, 1)
})
