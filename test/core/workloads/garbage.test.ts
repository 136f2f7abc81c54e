import t from 'tap'
import type { KubeObject } from '../../../src/api/types.ts'
import type { OwnerState } from '../../../src/core/workloads/garbage.ts'
import { decideGarbage } from '../../../src/core/workloads/garbage.ts'

const anObject = (owners: readonly string[], change: Partial<KubeObject['metadata']> = {}): KubeObject => ({
  metadata: {
    name: 'it',
    uid: 'it',
    ownerReferences: owners.map(uid => ({ apiVersion: 'v1', kind: 'ConfigMap', name: uid, uid })),
    ...change,
  },
})

const decide = (
  object: KubeObject,
  states: { readonly [uid: string]: OwnerState } = {},
  has: Partial<Parameters<typeof decideGarbage>[0]> = {},
) =>
  decideGarbage({
    object,
    stateOf: owner => states[owner.uid] ?? 'gone',
    hasDependents: false,
    hasBlockingDependents: false,
    ...has,
  })

const leaving = (...finalizers: string[]) => anObject([], { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers })

t.test('what becomes of an object by those that own it', async t => {
  t.strictSame(decide(anObject([])), { action: 'keep' }, 'nobody owns it')
  t.strictSame(decide(anObject(['a']), { a: 'there' }), { action: 'keep' })
  t.strictSame(decide(anObject(['a'])), { action: 'delete', propagation: 'Background' }, 'its owner is gone')
  t.strictSame(
    decide(anObject(['a', 'b']), { b: 'there' }),
    { action: 'dropOwners', uids: ['a'] },
    'one of two is gone',
  )
  t.strictSame(decide(anObject(['a']), { a: 'unknown' }), { action: 'keep' }, 'of a kind that the hub does not have')
  t.strictSame(
    decide(anObject(['a']), { a: 'leavingForeground' }, { hasBlockingDependents: true }),
    { action: 'delete', propagation: 'Foreground' },
    'its own dependents hold it too',
  )
  t.strictSame(
    decide(anObject(['a'], { deletionTimestamp: '2026-01-01T00:00:00Z' })),
    { action: 'keep' },
    'on its way already',
  )
})

t.test('what becomes of those that it owns', async t => {
  t.strictSame(decide(leaving('foregroundDeletion'), {}, { hasBlockingDependents: true }), {
    action: 'deleteDependents',
  })
  t.strictSame(decide(leaving('foregroundDeletion')), { action: 'dropFinalizer', finalizer: 'foregroundDeletion' })
  t.strictSame(decide(leaving('orphan'), {}, { hasDependents: true }), { action: 'orphanDependents' })
  t.strictSame(decide(leaving('orphan')), { action: 'dropFinalizer', finalizer: 'orphan' })
  t.strictSame(decide(leaving('somebody.else/s'), {}, { hasDependents: true }), { action: 'keep' })
})
