import t from 'tap'
import type { DeploymentStrategy } from '../../../src/api/types.ts'
import { withCondition, withoutCondition } from '../../../src/core/workloads/conditions.ts'
import { annotationsFor, makeReplicaSet, outOfHistory } from '../../../src/core/workloads/deployment-revisions.ts'
import { availableAtMs, timeText } from '../../../src/core/workloads/pod-facts.ts'
import { fenceposts, resolvePercent } from '../../../src/core/workloads/resolve-percent.ts'
import { sameTemplate, templateHash } from '../../../src/core/workloads/template-hash.ts'
import { aDeploymentValue } from './fleet-of-values.ts'

const now = Date.parse('2026-01-02T03:04:05Z')

t.test('numbers of pods and percentages', async t => {
  t.equal(resolvePercent(3, 10, 'up'), 3)
  t.equal(resolvePercent('25%', 10, 'up'), 3)
  t.equal(resolvePercent('25%', 10, 'down'), 2)
  t.equal(resolvePercent('4', 10, 'down'), 4)
  t.equal(resolvePercent(undefined, 10, 'down'), 0)
  t.equal(resolvePercent('many', 10, 'down'), 0)
})

t.test('how far a rolling update may go is never nowhere', async t => {
  const posts = (replicas: number, strategy?: DeploymentStrategy) => {
    const { maxSurge, maxUnavailable } = fenceposts(aDeploymentValue({ replicas, ...(strategy && { strategy }) }))
    return [maxSurge, maxUnavailable]
  }
  const rolling = (maxSurge: number | string, maxUnavailable: number | string) => ({
    type: 'RollingUpdate',
    rollingUpdate: { maxSurge, maxUnavailable },
  })
  t.strictSame(posts(2), [1, 0], 'two pods lose none by default')
  t.strictSame(posts(10), [3, 2])
  t.strictSame(posts(3, rolling(0, '10%')), [0, 1])
  t.strictSame(posts(3, rolling(1, 9)), [1, 3])
  t.strictSame(posts(3, { type: 'Recreate' }), [0, 3])
})

t.test('a condition moves its time only when its status changes, and an equal one is the same list', async t => {
  const first = withCondition(undefined, { type: 'Ready', status: 'False', reason: 'New' }, now)
  t.strictSame(first, [{ type: 'Ready', status: 'False', reason: 'New', lastTransitionTime: timeText(now) }])
  t.equal(withCondition(first, { type: 'Ready', status: 'False', reason: 'New' }, now + 1000), first)
  const other = withCondition(first, { type: 'Ready', status: 'False', reason: 'Old' }, now + 1000)
  t.match(other, [{ lastTransitionTime: timeText(now) }])
  const changed = withCondition(other, { type: 'Ready', status: 'True', reason: 'Up' }, now + 1000)
  t.match(changed, [{ lastTransitionTime: timeText(now + 1000) }])
  t.equal(withoutCondition(changed, 'Other'), changed)
  t.strictSame(withoutCondition(changed, 'Ready'), [])
})

t.test('a pod is available when it has been ready for long enough', async t => {
  const pod = (status: string, lastTransitionTime?: string) => ({
    metadata: {},
    status: { conditions: [{ type: 'Ready', status, ...(lastTransitionTime && { lastTransitionTime }) }] },
  })
  t.equal(availableAtMs(pod('False'), 0), undefined)
  t.equal(availableAtMs(pod('True'), 0), 0)
  t.equal(availableAtMs(pod('True', timeText(now)), 10), now + 10_000)
  t.equal(availableAtMs(pod('True', 'nonsense'), 10), undefined, 'a time that cannot be read proves nothing')
})

t.test('equal templates have equal names, whatever the order of their fields and the hash label', async t => {
  const { template } = aDeploymentValue().spec!
  const shuffled = { spec: { containers: [{ image: 'web:1', name: 'web' }] }, metadata: { labels: { app: 'web' } } }
  t.equal(templateHash(template, 0), templateHash(shuffled, 0))
  t.not(templateHash(template, 0), templateHash(template, 1), 'another name after a collision')
  t.match(templateHash(template, 0), /^[bcdfghjklmnpqrstvwxz2-9]+$/)
  const labelled = { ...shuffled, metadata: { labels: { app: 'web', 'pod-template-hash': 'x' } } }
  t.ok(sameTemplate(template, labelled))
  t.ok(
    sameTemplate(template, { ...template, spec: { ...template.spec!, restartPolicy: 'Always' } }),
    'a default is no change',
  )
  t.notOk(sameTemplate(template, { ...template, spec: { ...template.spec!, restartPolicy: 'Never' } }))
})

t.test('a ReplicaSet made for a Deployment, and the numbers of its revisions', async t => {
  const deployment = aDeploymentValue()
  const annotated = {
    ...deployment,
    metadata: {
      ...deployment.metadata,
      annotations: { 'kubernetes.io/change-cause': 'hotter', 'deployment.kubernetes.io/revision': '1' },
    },
  }
  const made = makeReplicaSet(annotated, 2, 5)
  const hash = templateHash(annotated.spec!.template, 0)
  t.match(made, {
    metadata: {
      name: `web-${hash}`,
      labels: { app: 'web', 'pod-template-hash': hash },
      annotations: { 'kubernetes.io/change-cause': 'hotter', 'deployment.kubernetes.io/revision': '5' },
      ownerReferences: [{ kind: 'Deployment', uid: 'uid-of-web', controller: true }],
    },
    spec: { replicas: 2, selector: { matchLabels: { app: 'web', 'pod-template-hash': hash } } },
  })
  t.match(annotationsFor(annotated, made, 7), {
    'deployment.kubernetes.io/revision': '7',
    'deployment.kubernetes.io/revision-history': '5',
  })
  t.equal(annotationsFor(annotated, made, 3)['deployment.kubernetes.io/revision'], '5', 'never back')
})

t.test('only empty ReplicaSets beyond the limit are forgotten, lowest revision first', async t => {
  const old = [3, 1, 2].map(revision => {
    const made = makeReplicaSet(aDeploymentValue(), revision === 1 ? 1 : 0, revision)
    return { ...made, metadata: { ...made.metadata, name: `web-${revision}` }, status: { replicas: 0 } }
  })
  const names = (limit: number) =>
    outOfHistory(aDeploymentValue({ revisionHistoryLimit: limit }), old).map(one => one.metadata.name)
  t.strictSame(names(10), [])
  t.strictSame(names(1), ['web-2'], 'web-1 still has a pod')
  t.strictSame(names(0), ['web-2', 'web-3'])
})
