import t from 'tap'
import type { EndpointSlice, Node, Pod, Service } from '../../../src/api/types.ts'
import { podReferences } from '../../../src/hub/fleet/pod-references.ts'
import { renderAssignment } from '../../../src/hub/fleet/render-assignment.ts'
import { renderPeer, renderService, scopeOf } from '../../../src/hub/fleet/render-service.ts'
import { nodeUnheard, nodeWithLabels, nodeWithStatus } from '../../../src/hub/fleet/write-node-status.ts'
import { podWithStatus } from '../../../src/hub/fleet/write-pod-status.ts'
import { aPod } from '../../fakes/builders.ts'

t.test('a pod’s references are all that it names, each once', async t => {
  const pod = aPod({
    imagePullSecrets: [{ name: 'registry' }],
    initContainers: [{ name: 'i', image: 'x', envFrom: [{ secretRef: { name: 'from-init' } }] }],
    containers: [
      {
        name: 'c',
        image: 'x',
        env: [
          { name: 'A', valueFrom: { configMapKeyRef: { name: 'settings', key: 'a' } } },
          { name: 'B', valueFrom: { secretKeyRef: { name: 'login', key: 'b' } } },
        ],
        envFrom: [{ configMapRef: { name: 'settings' } }],
      },
    ],
    volumes: [
      { name: 'v', configMap: { name: 'files' } },
      { name: 's', secret: { secretName: 'tls' } },
      { name: 'p', projected: { sources: [{ configMap: { name: 'both' } }, { secret: { name: 'both' } }] } },
    ],
  })
  t.strictSame(podReferences(pod).toSorted(), [
    'ConfigMap/default/both',
    'ConfigMap/default/files',
    'ConfigMap/default/settings',
    'Secret/default/both',
    'Secret/default/from-init',
    'Secret/default/login',
    'Secret/default/registry',
    'Secret/default/tls',
  ])
})

const node: Node = { metadata: { name: 'attic' }, spec: { podCIDR: '10.64.0.0/25' } }
const network = { clusterCIDR: 'c', serviceCIDR: 's', dnsAddress: 'd', domain: 'cluster.local' }

t.test('an assignment carries no status, and nothing that changes with it', async t => {
  const pod: Pod = { ...aPod(), status: { phase: 'Running' } }
  const render = (one: Pod) => renderAssignment({ node, uid: 'u', network, pods: [one], configMaps: [], secrets: [] })
  const changed: Pod = {
    ...pod,
    metadata: { ...pod.metadata, resourceVersion: '99', managedFields: [] },
    status: { phase: 'Failed' },
  }
  t.strictSame(render(changed), render(pod))
  t.notOk('status' in (render(pod)?.pods[0] ?? {}))
  t.equal(
    renderAssignment({ node: { metadata: { name: 'new' } }, uid: 'u', network, pods: [], configMaps: [], secrets: [] }),
    undefined,
    'no pod range yet',
  )
})

t.test('the order in which objects are listed changes nothing', async t => {
  const pods = ['a', 'b', 'c'].map(name => aPod({}, { name, uid: name }))
  const render = (all: readonly Pod[]) =>
    renderAssignment({ node, uid: 'u', network, pods: all, configMaps: [], secrets: [] })
  t.strictSame(render(pods.toReversed()), render(pods))
})

const aService = (spec: Service['spec'], labels = {}): Service => ({
  metadata: { name: 'web', namespace: 'default', uid: 'u', labels },
  spec: { ports: [{ port: 80, protocol: 'TCP' }], clusterIP: '10.96.0.20', ...spec },
})
const aSlice = (change: Partial<EndpointSlice> = {}): EndpointSlice => ({
  metadata: { name: 'web-1', namespace: 'default' },
  addressType: 'IPv4',
  ports: [{ name: '', port: 8080, protocol: 'TCP' }],
  endpoints: [
    {
      addresses: ['10.64.0.2'],
      nodeName: 'attic',
      conditions: { ready: true },
      targetRef: { kind: 'Pod', namespace: 'default', name: 'web-x', uid: 'p' },
    },
  ],
  ...change,
})

t.test('a Service carries its endpoints, ports and policies', async t => {
  t.strictSame(renderService(aService({ sessionAffinity: 'ClientIP', type: 'NodePort' }), [aSlice()]), {
    namespace: 'default',
    name: 'web',
    uid: 'u',
    type: 'NodePort',
    clusterIP: '10.96.0.20',
    ports: [{ name: '', protocol: 'TCP', port: 80 }],
    sessionAffinitySeconds: 10_800,
    externalTrafficPolicy: 'Cluster',
    internalTrafficPolicy: 'Cluster',
    publishNotReadyAddresses: false,
    endpoints: [
      {
        address: '10.64.0.2',
        node: 'attic',
        podNamespace: 'default',
        podName: 'web-x',
        podUid: 'p',
        ready: true,
        serving: true,
        terminating: false,
        ports: { '': 8080 },
      },
    ],
  })
})

t.test('a headless Service has no address, an external name has no endpoints', async t => {
  t.notOk('clusterIP' in (renderService(aService({ clusterIP: 'None' }), []) ?? {}))
  t.match(renderService(aService({ type: 'ExternalName', externalName: 'example.com' }), []), {
    type: 'ExternalName',
    externalName: 'example.com',
    endpoints: [],
  })
})

t.test('slices are merged by address; IPv6 ones are left out', async t => {
  const second = aSlice({ metadata: { name: 'web-2' }, ports: [{ name: 'metrics', port: 9090, protocol: 'TCP' }] })
  const six = aSlice({ metadata: { name: 'web-3' }, addressType: 'IPv6' })
  const endpoints = renderService(aService({}), [aSlice(), second, six])?.endpoints
  t.equal(endpoints?.length, 1)
  t.strictSame(endpoints?.[0]?.ports, { '': 8080, metrics: 9090 })
})

t.test('a Service belongs to its site, or to all by its label', async t => {
  t.strictSame(scopeOf(aService({})), { site: 'default' })
  t.strictSame(scopeOf(aService({}, { 'dunlin.io/site': 'farm' })), { site: 'farm' })
  t.equal(scopeOf(aService({}, { 'dunlin.io/scope': 'fleet' })), 'fleet')
})

t.test('a node is a peer once it has a range and an address', async t => {
  t.equal(renderPeer(node), undefined)
  const addresses = [
    { type: 'Hostname', address: 'attic' },
    { type: 'InternalIP', address: '192.168.1.7' },
  ]
  t.match(renderPeer({ ...node, status: { addresses } }), { node: 'attic', addresses: ['192.168.1.7'] })
})

const report = {
  addresses: [],
  capacity: { cpu: '4' },
  allocatable: { cpu: '4' },
  conditions: [{ type: 'Ready', status: 'True', reason: 'AgentReady', message: '' }],
  nodeInfo: {} as never,
  images: [],
  labels: {},
}

t.test('times of transition are the hub’s, and stay while the status stays', async t => {
  const first = nodeWithStatus(node, report, '2026-01-01T00:00:00Z') ?? node
  const again = nodeWithStatus(first, { ...report, capacity: { cpu: '8' } }, '2026-01-01T01:00:00Z')
  t.equal(again?.status?.conditions?.[0]?.lastTransitionTime, '2026-01-01T00:00:00Z')
  t.equal(nodeWithStatus(first, report, '2026-01-01T02:00:00Z'), undefined, 'nothing new')
  const down = { ...report, conditions: [{ type: 'Ready', status: 'False' }] }
  t.equal(
    nodeWithStatus(first, down, '2026-01-01T03:00:00Z')?.status?.conditions?.[0]?.lastTransitionTime,
    '2026-01-01T03:00:00Z',
  )
})

t.test('conditions that others wrote stay', async t => {
  const other: Node = { ...node, status: { conditions: [{ type: 'NetworkUnavailable', status: 'False' }] } }
  const written = nodeWithStatus(other, report, '2026-01-01T00:00:00Z')
  t.strictSame(
    written?.status?.conditions?.map(condition => condition.type),
    ['Ready', 'NetworkUnavailable'],
  )
})

t.test('a condition of the board that its agent tells no more is gone', async t => {
  const missing = { type: 'MemoryCgroupMissing', status: 'True' }
  const before: Node = { ...node, status: { conditions: [missing] } }
  const types = nodeWithStatus(before, report, '2026-01-01T00:00:00Z')?.status?.conditions?.map(one => one.type)
  t.strictSame(types, ['Ready'])
})

t.test('a device sets its own labels, and no others', async t => {
  const labels = {
    'dunlin.io/model': 'pi-4',
    'kubernetes.io/arch': 'arm64',
    'node-role.kubernetes.io/control-plane': '',
    'dunlin.io/bad': 'not a value!',
  }
  t.strictSame(nodeWithLabels(node, labels)?.metadata.labels, {
    'dunlin.io/model': 'pi-4',
    'kubernetes.io/arch': 'arm64',
  })
  const sited: Node = { ...node, metadata: { ...node.metadata, labels: { 'dunlin.io/site': 'farm' } } }
  t.equal(nodeWithLabels(sited, { 'dunlin.io/site': 'bank' }), undefined, 'nor another site')
})

t.test('an unheard node is Unknown once', async t => {
  const unknown = nodeUnheard(node, 'ConnectionLost', 'it broke', '2026-01-01T00:00:00Z')
  t.match(unknown?.status?.conditions?.[0], { type: 'Ready', status: 'Unknown', reason: 'ConnectionLost' })
  t.equal(unknown && nodeUnheard(unknown, 'x', 'y', '2026-01-01T00:00:01Z'), undefined)
})

t.test('a pod’s status is its node’s to say, and what the hub said stays', async t => {
  const pod: Pod = {
    ...aPod({ nodeName: 'attic' }),
    status: { qosClass: 'Burstable', conditions: [{ type: 'PodScheduled', status: 'True' }] },
  }
  const uid = pod.metadata.uid ?? ''
  const word = {
    uid,
    namespace: 'default',
    name: 'hello',
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
  }
  t.match(podWithStatus(pod, word, 'attic')?.status, {
    phase: 'Running',
    qosClass: 'Burstable',
    conditions: [{ type: 'Ready' }, { type: 'PodScheduled' }],
  })
  t.equal(podWithStatus(pod, word, 'cellar'), undefined, 'another node')
  t.equal(podWithStatus(pod, { ...word, uid: 'another' }, 'attic'), undefined, 'another pod of the name')
})
