import t from 'tap'
import type { Node, NodeCondition } from '../../../src/api/types.ts'
import { planNode } from '../../../src/core/nodes/lifecycle.ts'

const wallNow = Date.parse('2026-01-02T03:04:05Z')
const ready = (status: string, rest: Partial<NodeCondition> = {}): NodeCondition => ({ type: 'Ready', status, ...rest })

const aNode = (conditions: readonly NodeCondition[], spec: Node['spec'] = {}): Node => ({
  metadata: { name: 'a' },
  spec,
  status: { conditions },
})

const plan = (node: Node, change: Partial<Parameters<typeof planNode>[0]> = {}) =>
  planNode({ node, lastSignMs: 1_000, silenceMs: 180_000, now: 2_000, wallNow, isBack: true, ...change })

const taintsOf = (node: Node, change: Partial<Parameters<typeof planNode>[0]> = {}) =>
  plan(node, change).taints?.map(taint => `${taint.key.replace('node.kubernetes.io/', '')}:${taint.effect}`)

t.test('a node that gives signs is left as it reported itself', async t => {
  t.strictSame(plan(aNode([ready('True')])), { lookAgainAtMs: 181_000 })
})

t.test('a silent node is Unknown in all that it would report, and says since when', async t => {
  const node = aNode([
    ready('True'),
    { type: 'DiskPressure', status: 'False' },
    { type: 'UnderVoltage', status: 'True' },
  ])
  const { conditions, taints, lookAgainAtMs } = plan(node, { now: 181_000 })
  t.match(conditions, [
    { type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown', lastTransitionTime: '2026-01-02T03:04:05Z' },
    { type: 'DiskPressure', status: 'Unknown' },
    { type: 'UnderVoltage', status: 'True' },
  ])
  t.match(conditions?.[0]?.message, /no sign of life for 180 s/)
  t.match(taints, [
    { key: 'node.kubernetes.io/unreachable', effect: 'NoSchedule', timeAdded: '2026-01-02T03:04:05Z' },
    { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' },
  ])
  t.equal(lookAgainAtMs, undefined)
})

t.test('a node just short of the time is not silent', async t => {
  t.strictSame(plan(aNode([ready('True')]), { now: 180_999 }).conditions, undefined)
})

t.test('a node that is back is again what it reported last', async t => {
  const reported = ready('True', { reason: 'AgentReady' })
  const { conditions, taints } = plan(
    aNode([ready('Unknown')], { taints: [{ key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' }] }),
    { reported },
  )
  t.match(conditions, [{ status: 'True', reason: 'AgentReady' }])
  t.strictSame(taints, [])
})

t.test('Unknown stays Unknown without a new sign, or where nobody remembers a report', async t => {
  const taints = ['NoSchedule', 'NoExecute'].map(effect => ({ key: 'node.kubernetes.io/unreachable', effect }))
  const node = aNode([ready('Unknown')], { taints })
  t.strictSame(plan(node, { reported: ready('True'), isBack: false }).conditions, undefined)
  t.strictSame(plan(node).conditions, undefined)
})

t.test('taints follow the conditions and the cordon; those of the operator stay', async t => {
  t.strictSame(taintsOf(aNode([])), ['not-ready:NoSchedule', 'not-ready:NoExecute'], 'a node that never reported')
  t.strictSame(taintsOf(aNode([ready('False')])), ['not-ready:NoSchedule', 'not-ready:NoExecute'])
  t.strictSame(taintsOf(aNode([ready('True'), { type: 'MemoryPressure', status: 'True' }])), [
    'memory-pressure:NoSchedule',
  ])
  t.strictSame(taintsOf(aNode([ready('True')], { unschedulable: true })), ['unschedulable:NoSchedule'])
  const mine = { key: 'camera', effect: 'NoSchedule' }
  const was = { key: 'node.kubernetes.io/disk-pressure', effect: 'NoSchedule' }
  t.strictSame(taintsOf(aNode([ready('True')], { taints: [mine, was] })), ['camera:NoSchedule'])
})

t.test('a taint that is there keeps its time', async t => {
  const timeAdded = '2026-01-01T00:00:00Z'
  const taints = ['NoSchedule', 'NoExecute'].map(effect => ({ key: 'node.kubernetes.io/not-ready', effect, timeAdded }))
  t.equal(plan(aNode([ready('False')], { taints })).taints, undefined)
})
