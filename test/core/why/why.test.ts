import t from 'tap'
import type { Node, Pod } from '../../../src/api/types.ts'
import { formatExplanation } from '../../../src/core/why/cause.ts'
import { whyNode } from '../../../src/core/why/why-node.ts'
import { whyPod } from '../../../src/core/why/why-pod.ts'
import { whyService } from '../../../src/core/why/why-service.ts'

const now = Date.parse('2026-05-01T10:00:00Z')
const node = (
  conditions: readonly { readonly type: string; readonly status: string; readonly message?: string }[],
  spec: object = {},
): Node => ({
  metadata: { name: 'barn' },
  spec,
  status: { conditions },
})
const ready = { type: 'Ready', status: 'True' }

const pod = (status: object, more: object = {}): Pod => ({
  metadata: { namespace: 'shop', name: 'web-1', ...more },
  spec: { nodeName: 'barn', containers: [{ name: 'app', image: 'x' }] },
  status,
})

const explainPod = (of: Pod, on: Node | undefined = node([ready])): string =>
  formatExplanation(whyPod({ pod: of, node: on, events: [], nodeEvents: [], now }))

t.test('a pod that is well is said to be well', async t => {
  t.equal(explainPod(pod({ phase: 'Running', conditions: [ready] })), 'pod shop/web-1 is well\n')
})

t.test('a crash is followed from the wait to the last words of the container', async t => {
  const text = explainPod(
    pod({
      phase: 'Running',
      containerStatuses: [
        {
          name: 'app',
          image: 'x',
          imageID: '',
          ready: false,
          restartCount: 4,
          state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 40s' } },
          lastState: {
            terminated: { exitCode: 3, reason: 'Error', message: 'no config\n', finishedAt: '2026-05-01T09:59:00Z' },
          },
        },
      ],
    }),
  )
  t.equal(
    text,
    [
      'pod shop/web-1 is not ready (Running)',
      '  because container app waits: CrashLoopBackOff: back-off 40s',
      '    to mend it: read its last words with "dunlin logs --previous"',
      '    because it ended at 2026-05-01T09:59:00Z with exit code 3 (Error), saying: no config',
      '',
    ].join('\n'),
  )
})

t.test('a node that is silent is the cause of what its pods show', async t => {
  const text = explainPod(
    pod({ phase: 'Running', conditions: [ready] }),
    node([{ type: 'Ready', status: 'Unknown', message: 'no heartbeat for 200 s' }]),
  )
  t.match(text, 'because its node barn is not well')
  t.match(text, 'because the hub has not heard from it')
  t.match(text, 'because no heartbeat for 200 s')
})

t.test('an unscheduled pod tells the scheduler’s reason', async t => {
  const unbound: Pod = {
    ...pod({
      phase: 'Pending',
      conditions: [
        { type: 'PodScheduled', status: 'False', message: '0/2 nodes are available: 2 Insufficient memory.' },
      ],
    }),
    spec: { containers: [] },
  }
  t.match(explainPod(unbound, undefined), '0/2 nodes are available: 2 Insufficient memory.')
})

t.test('a cordoned node does not make its pods unwell', async t => {
  t.equal(
    explainPod(pod({ phase: 'Running', conditions: [ready] }), node([ready], { unschedulable: true })),
    'pod shop/web-1 is well\n',
  )
})

t.test('a node’s conditions are told with what mends them', async t => {
  const text = formatExplanation(
    whyNode({ node: node([ready, { type: 'UnderVoltage', status: 'True' }]), events: [], now }),
  )
  t.match(text, 'its power supply is too weak')
  t.match(text, 'to mend it: use a stronger supply')
})

t.test('a Service without endpoints tells whether it is the selector or the pods', async t => {
  const service = { metadata: { namespace: 'shop', name: 'web' }, spec: { selector: { app: 'web' } } }
  t.match(
    formatExplanation(whyService({ service, slices: [], pods: [] })),
    'no pod of its namespace has the labels app=web',
  )
  const broken = pod({ phase: 'Pending' })
  const explanation = whyPod({ pod: broken, node: node([ready]), events: [], nodeEvents: [], now })
  t.match(
    formatExplanation(whyService({ service, slices: [], pods: [{ pod: broken, explanation }] })),
    'because pod shop/web-1 is not ready (Pending)',
  )
})
