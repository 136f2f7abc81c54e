import t from 'tap'
import { allKinds } from '../../../src/api/kinds.ts'
import type { ClusterRole } from '../../../src/api/types.ts'
import { bootstrapObjects } from '../../../src/hub/rest/bootstrap-objects.ts'
import { someObjects } from '../../support/objects.ts'

const named = (name: string) => ({ namespace: '', name })

t.test('a hub has its namespaces and roles, and a second start changes nothing', async t => {
  const objects = await someObjects(t, { kinds: allKinds })
  await bootstrapObjects(objects)
  t.strictSame(
    objects.list('Namespace').map(one => one.metadata.name),
    ['default', 'kube-node-lease', 'kube-public', 'kube-system'],
  )
  for (const name of ['cluster-admin', 'admin', 'edit', 'view', 'system:node', 'system:discovery']) {
    t.ok(objects.get('ClusterRole', named(name)), name)
  }
  const before = objects.revision
  await bootstrapObjects(objects)
  t.equal(objects.revision, before)
})

t.test('a role that lacks rules gets them, keeps what was added, and is left alone on request', async t => {
  const objects = await someObjects(t, { kinds: allKinds })
  await bootstrapObjects(objects)
  const whole = objects.get<ClusterRole>('ClusterRole', named('view'))?.rules?.length ?? 0
  const own = { apiGroups: ['x.example'], resources: ['things'], verbs: ['get'] }
  const cut = (annotations: { [name: string]: string }) =>
    objects.modify<ClusterRole>('ClusterRole', named('view'), now => ({
      ...now,
      metadata: { ...now.metadata, annotations },
      rules: [own],
    }))
  const count = () => objects.get<ClusterRole>('ClusterRole', named('view'))?.rules?.length
  await cut({})
  await bootstrapObjects(objects)
  t.equal(count(), whole + 1)
  await cut({ 'rbac.authorization.kubernetes.io/autoupdate': 'false' })
  await bootstrapObjects(objects)
  t.equal(count(), 1)
})
