import t from 'tap'
import { progressOf } from '../../src/cli/watch-rollout.ts'

const deployment = (status: object, spec: object = {}) => ({
  metadata: { name: 'web', generation: 2 },
  spec: { replicas: 3, ...spec },
  status: { observedGeneration: 2, ...status },
})

t.test('a Deployment’s progress is told as kubectl tells it', async t => {
  for (const [object, says, isDone] of [
    [deployment({ observedGeneration: 1 }), 'waiting for deployment web to be observed', false],
    [deployment({ updatedReplicas: 1, replicas: 3 }), '1 of 3 new replicas have been updated', false],
    [
      deployment({ updatedReplicas: 3, replicas: 4, availableReplicas: 3 }),
      '1 old replicas are pending termination',
      false,
    ],
    [
      deployment({ updatedReplicas: 3, replicas: 3, availableReplicas: 2 }),
      '2 of 3 updated replicas are available',
      false,
    ],
    [
      deployment({ updatedReplicas: 3, replicas: 3, availableReplicas: 3 }),
      'deployment web successfully rolled out',
      true,
    ],
    [deployment({}, { replicas: 0 }), 'deployment web successfully rolled out', true],
  ] as const) {
    t.match(progressOf('Deployment', object), { says, isDone }, says)
  }
})

t.test('a progress deadline that has passed is a failure, with the hub’s words', async t => {
  const late = deployment({
    conditions: [
      { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded', message: 'web has timed out' },
    ],
  })
  t.match(progressOf('Deployment', late), { isDone: true, hasFailed: true, says: 'web has timed out' })
})

t.test('a pod tells what it waits for', async t => {
  const pod = (status: object) => ({ metadata: { name: 'p' }, status })
  t.match(
    progressOf(
      'Pod',
      pod({
        phase: 'Pending',
        conditions: [{ type: 'PodScheduled', status: 'False', message: '0/1 nodes are available' }],
      }),
    ),
    { isDone: false, says: 'pod p is Pending: 0/1 nodes are available' },
  )
  t.match(
    progressOf(
      'Pod',
      pod({
        phase: 'Pending',
        containerStatuses: [{ name: 'a', state: { waiting: { reason: 'ErrImagePull', message: 'no such host' } } }],
      }),
    ),
    { says: 'pod p is Pending: a ErrImagePull, no such host' },
  )
  t.match(progressOf('Pod', pod({ phase: 'Succeeded' })), { isDone: true })
  t.match(progressOf('Pod', pod({ phase: 'Failed', reason: 'DeadlineExceeded' })), { isDone: true, hasFailed: true })
})
