import t from 'tap'
import type { Node, OwnerReference, Pod, PodSpec } from '../../../src/api/types.ts'
import { isMostlyLost, planEvictions, siteTally } from '../../../src/core/nodes/evictions.ts'
import { nodeRoom } from '../../../src/core/scheduling/node-room.ts'

const lostAt = '2026-01-02T03:00:00Z'
const at = (seconds: number): number => Date.parse(lostAt) + seconds * 1000

const aNode = (name: string, status = 'True', key = 'node.kubernetes.io/unreachable'): Node => ({
  metadata: { name },
  spec: status === 'True' ? {} : { taints: [{ key, effect: 'NoExecute', timeAdded: lostAt }] },
  status: { allocatable: { cpu: '1', memory: '1Gi' }, conditions: [{ type: 'Ready', status }] },
})

const owner: OwnerReference = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'rs', controller: true }

const aPod = (spec: Partial<PodSpec> = {}, metadata: Partial<Pod['metadata']> = {}): Pod => ({
  metadata: { name: 'web-1', namespace: 'default', uid: 'uid-1', ownerReferences: [owner], ...metadata },
  spec: {
    nodeName: 'lost',
    containers: [{ name: 'web', resources: { requests: { cpu: '600m' } } }],
    tolerations: [
      { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
    ],
    ...spec,
  },
})

const lost = aNode('lost', 'Unknown')
const [b, c] = [aNode('b'), aNode('c')]

const plan = (pods: readonly Pod[], seconds: number, fleet: readonly Node[] = [lost, b, c], node = lost) =>
  planEvictions({
    node,
    pods,
    isSiteLost: isMostlyLost(siteTally(fleet)),
    rooms: () => fleet.map(one => nodeRoom(one, [])),
    lostSinceMs: at(0),
    now: at(seconds),
  })

const answer = (pods: readonly Pod[], seconds: number, fleet?: readonly Node[], node?: Node): string =>
  plan(pods, seconds, fleet, node)
    .decisions.map(one => `${one.action}: ${one.why}`)
    .join('; ')

t.test('a pod is replaced when its toleration ends, not before', async t => {
  t.strictSame(plan([aPod()], 299), { decisions: [], lookAgainAtMs: at(300) })
  t.equal(answer([aPod()], 300), 'evict: node lost is lost, and another can take it')
  t.equal(answer([aPod({ tolerations: [] })], 0), 'evict: node lost is lost, and another can take it')
  const forever = aPod({ tolerations: [{ operator: 'Exists' }] })
  t.strictSame(plan([forever], 9_999), { decisions: [] })
})

t.test('who stays, and why', async t => {
  const cases: readonly (readonly [string, Pod, string])[] = [
    ['bare', aPod({}, { ownerReferences: [] }), 'no controller would make another'],
    [
      'DaemonSet',
      aPod({}, { ownerReferences: [{ ...owner, kind: 'DaemonSet' }] }),
      'a DaemonSet pod belongs to its node',
    ],
    ['selector', aPod({ nodeSelector: { disk: 'ssd' } }), 'no other ready node could take it now'],
    [
      'claim',
      aPod({ volumes: [{ name: 'disk', persistentVolumeClaim: { claimName: 'd' } }] }),
      'its volume disk lies on the node',
    ],
    [
      'hostPath that it writes',
      aPod({
        volumes: [{ name: 'log', hostPath: { path: '/var/log' } }],
        containers: [{ name: 'web', volumeMounts: [{ name: 'log', mountPath: '/log' }] }],
      }),
      'its volume log lies on the node',
    ],
    [
      'too large',
      aPod({ containers: [{ name: 'a', resources: { requests: { cpu: '2' } } }] }),
      'no other ready node could take it now',
    ],
  ]
  for (const [name, pod, why] of cases) t.equal(answer([pod], 300), `stay: ${why}`, name)
  const reading = aPod({
    volumes: [{ name: 'zone', hostPath: { path: '/etc/localtime' } }],
    containers: [{ name: 'web', volumeMounts: [{ name: 'zone', mountPath: '/etc/localtime', readOnly: true }] }],
  })
  t.match(answer([reading], 300), /^evict/, 'a hostPath that it only reads is everywhere')
})

t.test('one that stays is asked about again, because room may come', async t => {
  t.equal(plan([aPod({ nodeSelector: { disk: 'ssd' } })], 300).lookAgainAtMs, at(330))
})

t.test('each replacement takes its room: no more leave than can be taken', async t => {
  const many = ['1', '2', '3'].map(number => aPod({}, { name: `web-${number}`, uid: `uid-${number}` }))
  t.equal(
    answer(many, 300),
    'evict: node lost is lost, and another can take it; evict: node lost is lost, and another can take it; stay: no other ready node could take it now',
  )
})

t.test('when more than half of a site is gone, nobody is replaced', async t => {
  const second = aNode('c', 'Unknown')
  t.match(answer([aPod()], 300, [lost, b, second]), /^stay: more than half of the site/)
  t.match(answer([aPod()], 300, [lost, b]), /^evict/, 'one of two is not more than half')
  t.match(answer([aPod()], 300, [lost]), /^stay/, 'the only one is')
  t.equal(isMostlyLost(siteTally([lost, b, c])), false)
  t.equal(isMostlyLost(siteTally([{ metadata: { name: 'new' } }, b])), false, 'a node that never reported is not lost')
})

t.test('an operator’s taint is a wish: its pods go, whoever made them', async t => {
  const drained = aNode('lost', 'False', 'maintenance')
  t.match(answer([aPod({}, { ownerReferences: [] })], 0, [drained], drained), /^evict: a taint of the node/)
  const bearing = aPod({ tolerations: [{ key: 'maintenance', operator: 'Exists', tolerationSeconds: 60 }] })
  t.strictSame(plan([bearing], 59, [drained], drained), { decisions: [], lookAgainAtMs: at(60) })
})

t.test('pods that are going anyway, or have ended, are left alone', async t => {
  t.equal(answer([aPod({}, { deletionTimestamp: lostAt }), { ...aPod(), status: { phase: 'Succeeded' } }], 300), '')
})
