import t from 'tap'
import type { Node, Pod, Toleration } from '../../../src/api/types.ts'
import { nodeRoom } from '../../../src/core/scheduling/node-room.ts'
import { schedulePod } from '../../../src/core/scheduling/schedule-pod.ts'
import { aNode, aPodToPlace, asking } from './builders.ts'

const decide = (pod: Pod, nodes: readonly Node[], bound: { readonly [node: string]: readonly Pod[] } = {}): string => {
  const decision = schedulePod(
    pod,
    nodes.map(node => nodeRoom(node, bound[node.metadata.name ?? ''] ?? [])),
  )
  return decision.action === 'bind' ? `to ${decision.node}` : decision.message
}

const requiring = (key: string, operator: string, values: readonly string[]) => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key, operator, values }] }],
      },
    },
  },
})

const port = (hostPort: number, hostIP?: string, protocol?: string) => ({
  containers: [
    {
      name: 'web',
      image: 'web:1',
      ports: [{ containerPort: 80, hostPort, ...(hostIP && { hostIP }), ...(protocol && { protocol }) }],
    },
  ],
})

const tolerating = (...tolerations: readonly Toleration[]) => ({ tolerations })
const camera = { key: 'camera', value: 'yes', effect: 'NoSchedule' }

t.test('whether a pod may go to a node, and why not, in the words of kubectl describe', async t => {
  const cases: readonly (readonly [name: string, pod: Pod, node: Node, answer: string])[] = [
    ['a pod that asks for nothing', aPodToPlace(), aNode('a'), 'to a'],
    ['just enough memory', aPodToPlace({ containers: [asking('100m', '1Gi')] }), aNode('a'), 'to a'],
    [
      'too much memory',
      aPodToPlace({ containers: [asking('100m', '1025Mi')] }),
      aNode('a'),
      '0/1 nodes are available: 1 Insufficient memory.',
    ],
    [
      'too much of two things',
      aPodToPlace({ containers: [asking('3', '2Gi')] }),
      aNode('a'),
      '0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory.',
    ],
    [
      'a device that the node has not',
      aPodToPlace({ containers: [{ name: 'a', resources: { limits: { 'dunlin.io/camera': '1' } } }] }),
      aNode('a'),
      '0/1 nodes are available: 1 Insufficient dunlin.io/camera.',
    ],
    [
      'cordoned',
      aPodToPlace(),
      aNode('a', { unschedulable: true }),
      '0/1 nodes are available: 1 node(s) were unschedulable.',
    ],
    [
      'not ready',
      aPodToPlace(),
      { ...aNode('a'), status: { conditions: [{ type: 'Ready', status: 'False' }] } },
      '0/1 nodes are available: 1 node(s) were not ready.',
    ],
    ['selected', aPodToPlace({ nodeSelector: { disk: 'ssd' } }), aNode('a', {}, { disk: 'ssd' }), 'to a'],
    [
      'not selected',
      aPodToPlace({ nodeSelector: { disk: 'ssd' } }),
      aNode('a'),
      "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
    ],
    [
      'affinity met',
      aPodToPlace(requiring('zone', 'In', ['attic', 'cellar'])),
      aNode('a', {}, { zone: 'attic' }),
      'to a',
    ],
    [
      'affinity not met',
      aPodToPlace(requiring('zone', 'NotIn', ['attic'])),
      aNode('a', {}, { zone: 'attic' }),
      "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
    ],
    [
      'a taint',
      aPodToPlace(),
      aNode('a', { taints: [camera] }),
      '0/1 nodes are available: 1 node(s) had untolerated taint {camera: yes}.',
    ],
    [
      'tolerated',
      aPodToPlace(tolerating({ key: 'camera', operator: 'Exists' })),
      aNode('a', { taints: [camera] }),
      'to a',
    ],
    [
      'tolerated for another value',
      aPodToPlace(tolerating({ key: 'camera', operator: 'Equal', value: 'no' })),
      aNode('a', { taints: [camera] }),
      '0/1 nodes are available: 1 node(s) had untolerated taint {camera: yes}.',
    ],
    ['everything tolerated', aPodToPlace(tolerating({ operator: 'Exists' })), aNode('a', { taints: [camera] }), 'to a'],
    [
      'only preferred not to',
      aPodToPlace(),
      aNode('a', { taints: [{ ...camera, effect: 'PreferNoSchedule' }] }),
      'to a',
    ],
    [
      'no room for one more pod',
      aPodToPlace(),
      { ...aNode('a'), status: { ...aNode('a').status, allocatable: { cpu: '1', memory: '1Gi', pods: '0' } } },
      '0/1 nodes are available: 1 Too many pods.',
    ],
  ]
  for (const [name, pod, node, answer] of cases) t.equal(decide(pod, [node]), answer, name)
})

t.test('several nodes, several reasons, counted and sorted', async t => {
  const nodes = [aNode('a', { taints: [camera] }), aNode('b', { taints: [camera] }), aNode('c')]
  t.equal(
    decide(aPodToPlace({ containers: [asking('100m', '2Gi')] }), nodes),
    '0/3 nodes are available: 1 Insufficient memory, 2 node(s) had untolerated taint {camera: yes}.',
  )
  t.equal(decide(aPodToPlace(), []), 'no nodes available to schedule pods')
})

t.test('a host port is given once per address and protocol', async t => {
  const refused = "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports."
  const on = (taken: Pod, wanted: Pod): string => decide(wanted, [aNode('a')], { a: [taken] })
  t.equal(on(aPodToPlace(port(8080), 'one'), aPodToPlace(port(8080))), refused)
  t.equal(on(aPodToPlace(port(8080), 'one'), aPodToPlace(port(8081))), 'to a')
  t.equal(on(aPodToPlace(port(8080), 'one'), aPodToPlace(port(8080, undefined, 'UDP'))), 'to a')
  t.equal(on(aPodToPlace(port(8080, '10.0.0.1'), 'one'), aPodToPlace(port(8080, '10.0.0.2'))), 'to a')
  t.equal(on(aPodToPlace(port(8080, '10.0.0.1'), 'one'), aPodToPlace(port(8080))), refused)
  const host = { hostNetwork: true, containers: [{ name: 'web', ports: [{ containerPort: 9100 }] }] }
  t.equal(on(aPodToPlace(host, 'one'), aPodToPlace(host)), refused)
})

t.test('what counts is the hungriest moment: init containers one by one, sidecars all along', async t => {
  const nodes = [aNode('a')]
  const sidecar = { ...asking('1', '10Mi'), name: 'side', restartPolicy: 'Always' }
  const fits = { initContainers: [asking('2', '10Mi'), asking('2', '10Mi')], containers: [asking('1', '10Mi')] }
  t.equal(decide(aPodToPlace(fits), nodes), 'to a', 'two after one another need no more than one')
  t.equal(
    decide(
      aPodToPlace({ initContainers: [sidecar, asking('1500m', '10Mi')], containers: [asking('1', '10Mi')] }),
      nodes,
    ),
    '0/1 nodes are available: 1 Insufficient cpu.',
    'an init container beside a sidecar',
  )
  t.equal(decide(aPodToPlace({ initContainers: [sidecar], containers: [asking('1', '10Mi')] }), nodes), 'to a')
  t.equal(
    decide(aPodToPlace({ initContainers: [sidecar], containers: [asking('1001m', '10Mi')] }), nodes),
    '0/1 nodes are available: 1 Insufficient cpu.',
  )
})

t.test('pods that have ended take no room, pods that are being deleted still do', async t => {
  const full = aPodToPlace({ containers: [asking('2', '10Mi')] }, 'full')
  const wanted = aPodToPlace({ containers: [asking('1', '10Mi')] })
  const marked = { ...full, metadata: { ...full.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }
  t.equal(decide(wanted, [aNode('a')], { a: [marked] }), '0/1 nodes are available: 1 Insufficient cpu.')
  t.equal(decide(wanted, [aNode('a')], { a: [{ ...full, status: { phase: 'Succeeded' } }] }), 'to a')
})

t.test('the best node: few unwanted taints, preferred affinity, few siblings, least loaded, then by name', async t => {
  const owner = [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'rs', controller: true }]
  const owned = (name: string): Pod => {
    const pod = aPodToPlace({}, name)
    return { ...pod, metadata: { ...pod.metadata, ownerReferences: owner } }
  }
  t.equal(decide(aPodToPlace(), [aNode('b'), aNode('a')]), 'to a', 'by name')
  t.equal(decide(aPodToPlace(), [aNode('a'), aNode('b')], { a: [aPodToPlace({}, 'one')] }), 'to b', 'least loaded')
  const big = aPodToPlace({ containers: [asking('1500m', '900Mi')] }, 'big')
  t.equal(decide(owned('web-2'), [aNode('a'), aNode('b')], { a: [owned('web-1')], b: [big] }), 'to b', 'few siblings')
  const preference = { matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] }
  const preferring = {
    affinity: {
      nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 10, preference }] },
    },
  }
  t.equal(
    decide(aPodToPlace(preferring), [aNode('a'), aNode('b', {}, { disk: 'ssd' })], { b: [aPodToPlace({}, 'one')] }),
    'to b',
    'preferred affinity',
  )
  t.equal(
    decide(aPodToPlace(), [aNode('a', { taints: [{ ...camera, effect: 'PreferNoSchedule' }] }), aNode('b')], {
      b: [big],
    }),
    'to b',
    'few unwanted taints',
  )
})

t.test('a pod with scheduling gates waits', async t => {
  t.match(schedulePod(aPodToPlace({ schedulingGates: [{ name: 'quota' }] }), [nodeRoom(aNode('a'), [])]), {
    action: 'wait',
    reason: 'SchedulingGated',
  })
})
