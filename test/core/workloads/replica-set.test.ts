import t from 'tap'
import type { Pod, ReplicaSet } from '../../../src/api/types.ts'
import { rankSurplus } from '../../../src/core/workloads/rank-surplus.ts'
import { mostAtOnce, planReplicaSet } from '../../../src/core/workloads/replica-set.ts'

const now = Date.parse('2026-01-02T03:04:05Z')
const ago = (seconds: number): string => new Date(now - seconds * 1000).toISOString()
const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'rs', controller: true }

const aSet = (
  spec: Partial<ReplicaSet['spec'] & object> = {},
  metadata: Partial<ReplicaSet['metadata']> = {},
): ReplicaSet => ({
  metadata: { name: 'web', namespace: 'default', uid: 'rs', generation: 4, ...metadata },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'web:1' }] } },
    ...spec,
  },
})

type Change = { metadata?: Partial<Pod['metadata']>; status?: Pod['status']; spec?: Partial<Pod['spec'] & object> }

const aPod = (name: string, { metadata = {}, status = {}, spec = {} }: Change = {}): Pod => ({
  metadata: {
    name,
    namespace: 'default',
    uid: `uid-of-${name}`,
    labels: { app: 'web' },
    ownerReferences: [owner],
    creationTimestamp: ago(600),
    ...metadata,
  },
  spec: { nodeName: 'a', containers: [{ name: 'web', image: 'web:1' }], ...spec },
  status: {
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: ago(300) }],
    ...status,
  },
})

const told = (replicaSet: ReplicaSet, pods: readonly Pod[]): readonly string[] =>
  planReplicaSet({ replicaSet, pods, now }).actions.map(one =>
    one.action === 'createPod' ? 'create' : `${one.action} ${one.pod.metadata.name}`,
  )

const notReady = { conditions: [{ type: 'Ready', status: 'False' }] }

t.test('what a ReplicaSet does about its pods', async t => {
  const [a, b, c] = [aPod('a'), aPod('b'), aPod('c')]
  const orphan = { metadata: { ownerReferences: [] } }
  const cases: readonly (readonly [string, ReplicaSet, readonly Pod[], readonly string[]])[] = [
    ['as many as wanted', aSet(), [a, b], []],
    ['too few', aSet(), [a], ['create']],
    ['none', aSet(), [], ['create', 'create']],
    ['too many', aSet({ replicas: 1 }), [a, aPod('b', { status: notReady })], ['deletePod b']],
    ['one is being deleted', aSet(), [a, aPod('b', { metadata: { deletionTimestamp: ago(1) } })], ['create']],
    ['one has failed', aSet(), [a, aPod('b', { status: { phase: 'Failed' } })], ['create']],
    ['an orphan that fits', aSet(), [a, aPod('b', orphan)], ['adoptPod b']],
    ['an orphan that does not', aSet(), [a, b, aPod('c', { metadata: { ownerReferences: [], labels: {} } })], []],
    ['an orphan that has ended', aSet(), [a, b, aPod('c', { ...orphan, status: { phase: 'Succeeded' } })], []],
    ['one whose labels changed', aSet(), [a, b, aPod('c', { metadata: { labels: {} } })], ['releasePod c']],
    [
      'one of another controller',
      aSet(),
      [a, b, aPod('c', { metadata: { ownerReferences: [{ ...owner, uid: 'x' }] } })],
      [],
    ],
    ['itself being deleted', aSet({}, { deletionTimestamp: ago(1) }), [a, b, c], []],
  ]
  for (const [name, replicaSet, pods, steps] of cases) t.strictSame(told(replicaSet, pods), steps, name)
})

t.test('a new pod is the template, owned', async t => {
  const { actions } = planReplicaSet({ replicaSet: aSet({ replicas: 1 }), pods: [], now })
  t.strictSame(actions, [
    {
      action: 'createPod',
      pod: {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          labels: { app: 'web' },
          generateName: 'web-',
          namespace: 'default',
          ownerReferences: [{ ...owner, blockOwnerDeletion: true }],
        },
        spec: { containers: [{ name: 'web', image: 'web:1' }] },
      },
    },
  ])
})

t.test('a round is bounded', async t => {
  t.equal(told(aSet({ replicas: 100_000 }), []).length, mostAtOnce)
})

t.test('status says what is, and when a pod becomes available by age alone', async t => {
  const young = aPod('b', { status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: ago(4) }] } })
  const leaving = aPod('d', { metadata: { deletionTimestamp: ago(1) } })
  const pods = [aPod('a'), young, aPod('c', { status: notReady }), leaving]
  const plan = planReplicaSet({ replicaSet: aSet({ minReadySeconds: 10 }), pods, now })
  t.strictSame(plan.status, {
    replicas: 3,
    fullyLabeledReplicas: 3,
    readyReplicas: 2,
    availableReplicas: 1,
    terminatingReplicas: 1,
    observedGeneration: 4,
  })
  t.equal(plan.lookAgainAtMs, now + 6_000)
})

t.test('why pods cannot be made is a condition, until they can', async t => {
  const failure = { reason: 'FailedCreate', message: 'the namespace is full' }
  const { status } = planReplicaSet({ replicaSet: aSet(), pods: [], now, failure })
  t.match(status.conditions, [{ type: 'ReplicaFailure', status: 'True', ...failure }])
  const pods = [aPod('a'), aPod('b')]
  t.equal(planReplicaSet({ replicaSet: { ...aSet(), status }, pods, now }).status.conditions, undefined)
})

t.test('who goes first when there are too many', async t => {
  const cost = (value: string): Change => ({
    metadata: { annotations: { 'controller.kubernetes.io/pod-deletion-cost': value } },
  })
  const restarted = { name: 'web', image: '', imageID: '', ready: true, restartCount: 5 }
  const pods = [
    aPod('old'),
    aPod('young', { metadata: { creationTimestamp: ago(60) } }),
    aPod('restarted', { status: { containerStatuses: [restarted] } }),
    aPod('just-ready', { status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: ago(1) }] } }),
    aPod('crowded-1', { spec: { nodeName: 'b' } }),
    aPod('cheap', cost('-10')),
    aPod('not-ready', { status: notReady }),
    aPod('pending', { status: { phase: 'Pending' } }),
    aPod('unbound', { spec: { nodeName: '' } }),
    aPod('dear', cost('10')),
  ]
  const ranked = rankSurplus(pods).map(pod => pod.metadata.name)
  t.strictSame(ranked.slice(0, 4), ['unbound', 'pending', 'not-ready', 'cheap'])
  t.equal(ranked.at(-1), 'dear')
  t.strictSame(
    ranked.filter(name => ['just-ready', 'restarted', 'young', 'old'].includes(name ?? '')),
    ['just-ready', 'restarted', 'young', 'old'],
  )
})
