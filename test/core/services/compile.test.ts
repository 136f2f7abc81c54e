import t from 'tap'
import { compile, mostTargets } from '../../../src/core/services/compile.ts'
import { elementsOf } from '../../../src/core/services/elements.ts'
import type { EndpointEntry, ServiceEntry } from '../../../src/core/services/neighbourhood.ts'
import type { PodEndpointState } from '../../../src/core/services/pod-network.ts'
import { aNetwork } from '../../contract/pod-network.ts'
import { aNeighbourhood, anEndpoint, aService } from './a-service.ts'

/** The node is node-2; pod web-1 with 10.64.0.130 is its own. */
const compiled = (services: readonly ServiceEntry[], podStates: ReadonlyMap<string, PodEndpointState> = new Map()) =>
  compile({
    neighbourhood: aNeighbourhood(services),
    node: 'node-2',
    network: aNetwork,
    localPods: [{ uid: 'uid-web-1', ip: '10.64.0.130', hostPorts: [] }],
    podStates,
  })

/** Each place as a sentence: where -> endpoints. */
const places = (services: readonly ServiceEntry[], states?: ReadonlyMap<string, PodEndpointState>): readonly string[] =>
  compiled(services, states).frontends.map(
    one =>
      `${one.address ?? 'node'} ${one.protocol} ${one.port} -> ${one.targets.map(to => to.address).join(' ') || 'nobody'}` +
      (one.insideTargets === undefined
        ? ''
        : `, inside -> ${one.insideTargets.map(to => to.address).join(' ') || 'nobody'}`),
  )

const here = anEndpoint()
const there = anEndpoint({ address: '10.64.1.5', node: 'node-3', podUid: 'uid-web-2', podName: 'web-2' })

t.test(
  'a Service is met at its address; with a node port, on the node; with LoadBalancer, on its port too',
  async t => {
    const ports = [{ name: '', protocol: 'TCP', port: 80, nodePort: 30080 }] as const
    t.strictSame(places([aService({ endpoints: [here, there] })]), ['10.96.1.1 tcp 80 -> 10.64.0.130 10.64.1.5'])
    t.strictSame(places([aService({ type: 'NodePort', ports, endpoints: [here] })]), [
      '10.96.1.1 tcp 80 -> 10.64.0.130',
      'node tcp 30080 -> 10.64.0.130',
    ])
    t.strictSame(places([aService({ type: 'LoadBalancer', ports, endpoints: [here] })]), [
      '10.96.1.1 tcp 80 -> 10.64.0.130',
      'node tcp 30080 -> 10.64.0.130',
      'node tcp 80 -> 10.64.0.130',
    ])
  },
)

t.test('headless Services and names of elsewhere are met nowhere; the DNS address is the node’s own', async t => {
  const { clusterIP: _, ...headless } = aService({ endpoints: [here] })
  t.strictSame(places([headless]), [])
  t.strictSame(places([aService({ type: 'ExternalName', externalName: 'example.org' })]), [])
  t.strictSame(places([aService({ clusterIP: aNetwork.dnsAddress, endpoints: [here] })]), [])
})

t.test('which endpoints are chosen', async t => {
  const cases: readonly (readonly [string, readonly EndpointEntry[], string])[] = [
    ['ready ones', [here, { ...there, ready: false, serving: false }], '10.64.0.130'],
    ['ending ones only when none is ready', [{ ...there, ready: false, terminating: true }], '10.64.1.5'],
    ['not ending ones beside ready ones', [here, { ...there, ready: false, terminating: true }], '10.64.0.130'],
    ['no unready ones that do not end', [{ ...there, ready: false }], 'nobody'],
    ['no ending ones that do not serve', [{ ...there, ready: false, serving: false, terminating: true }], 'nobody'],
    ['none without the port', [{ ...there, ports: { other: 1 } }], 'nobody'],
    ['each address once', [there, there], '10.64.1.5'],
    ['none of our range without a pod behind it', [{ ...here, address: '10.64.0.200', podUid: 'lost' }], 'nobody'],
    ['nothing that is no address', [{ ...there, address: 'fe80::1' }], 'nobody'],
  ]
  for (const [name, endpoints, expected] of cases)
    t.strictSame(places([aService({ endpoints })]), [`10.96.1.1 tcp 80 -> ${expected}`], name)
})

t.test('what the node knows of its own pods goes first, of others’ it does not', async t => {
  const ending = { ready: false, serving: true, terminating: true }
  const states = new Map([
    ['uid-web-1', ending],
    ['uid-web-2', ending],
  ])
  t.strictSame(places([aService({ endpoints: [here, there] })], states), ['10.96.1.1 tcp 80 -> 10.64.1.5'])
  const ready = new Map([['uid-web-1', { ready: true, serving: true, terminating: false }]])
  t.strictSame(places([aService({ endpoints: [{ ...here, ready: false }] })], ready), [
    '10.96.1.1 tcp 80 -> 10.64.0.130',
  ])
})

t.test('under the policies Local only endpoints of this node answer, but all answer the node itself', async t => {
  const ports = [{ name: '', protocol: 'TCP', port: 80, nodePort: 30080 }] as const
  const service = aService({ type: 'NodePort', ports, externalTrafficPolicy: 'Local', endpoints: [here, there] })
  t.strictSame(places([service]), [
    '10.96.1.1 tcp 80 -> 10.64.0.130 10.64.1.5',
    'node tcp 30080 -> 10.64.0.130, inside -> 10.64.0.130 10.64.1.5',
  ])
  t.strictSame(places([{ ...service, endpoints: [there] }])[1], 'node tcp 30080 -> nobody, inside -> 10.64.1.5')
  t.strictSame(places([aService({ internalTrafficPolicy: 'Local', endpoints: [here, there] })]), [
    '10.96.1.1 tcp 80 -> 10.64.0.130',
  ])
})

t.test('publishNotReadyAddresses makes every endpoint ready', async t => {
  const service = aService({ publishNotReadyAddresses: true, endpoints: [{ ...there, ready: false, serving: false }] })
  t.strictSame(places([service]), ['10.96.1.1 tcp 80 -> 10.64.1.5'])
})

t.test('host ports of pods here come first; two Services never claim one place', async t => {
  const ports = [{ name: '', protocol: 'TCP', port: 80, nodePort: 30080 }] as const
  const plan = compile({
    neighbourhood: aNeighbourhood([
      aService({ name: 'b', type: 'LoadBalancer', clusterIP: '10.96.1.2', ports, endpoints: [there] }),
      aService({ name: 'a', type: 'LoadBalancer', ports, endpoints: [there] }),
    ]),
    node: 'node-2',
    network: aNetwork,
    localPods: [
      {
        uid: 'uid-web-1',
        ip: '10.64.0.130',
        hostPorts: [
          { protocol: 'TCP', hostPort: 80, containerPort: 8080 },
          { protocol: 'UDP', hostPort: 53, hostIP: '192.168.77.12', containerPort: 5353 },
        ],
      },
    ],
    podStates: new Map(),
  })
  t.strictSame(
    plan.frontends.map(one => `${one.address ?? 'node'} ${one.protocol} ${one.port}: ${one.name}`),
    [
      'node tcp 80: pod uid-web-1 host port 80',
      '192.168.77.12 udp 53: pod uid-web-1 host port 53',
      '10.96.1.1 tcp 80: default/a',
      'node tcp 30080: default/a',
      '10.96.1.2 tcp 80: default/b',
    ],
  )
})

t.test('more endpoints than slots are cut, those of this node first', async t => {
  const many = Array.from({ length: 100 }, (_, index) => ({ ...there, address: `10.64.9.${index + 1}` }))
  const [frontend] = compiled([aService({ endpoints: [...many, here] })]).frontends
  t.equal(frontend?.targets.length, mostTargets)
  t.equal(frontend?.targets[0]?.address, '10.64.0.130')
})

t.test('a plan as elements', async t => {
  const ports = [{ name: '', protocol: 'TCP', port: 80, nodePort: 30080 }] as const
  const { maps } = elementsOf(compiled([aService({ type: 'NodePort', ports, endpoints: [here, there] })]))
  t.strictSame([...maps.svc], [['10.96.1.1 . tcp . 80', 'goto svc-2']])
  t.strictSame(
    [...maps.eps],
    [
      ['10.96.1.1 . tcp . 80 . 0', '10.64.0.130 . 8080'],
      ['10.96.1.1 . tcp . 80 . 1', '10.64.1.5 . 8080'],
    ],
  )
  t.strictSame([...maps.np], [['tcp . 30080', 'goto np-2']])
  t.strictSame([...maps.hairpin.keys()], ['10.64.0.130 . 10.64.0.130'])
  const none = elementsOf(compiled([aService({ type: 'NodePort', ports })]))
  t.strictSame([...none.maps.npnoeps.keys()], ['tcp . 30080'])
  t.equal(none.maps.svc.size, 0)
})

t.test('a port that a program of the host listens on stays with it, and so much is said', async t => {
  const ports = [{ name: '', protocol: 'TCP', port: 22, nodePort: 30022 }] as const
  const plan = compile({
    neighbourhood: aNeighbourhood([aService({ type: 'LoadBalancer', ports, endpoints: [there] })]),
    node: 'node-2',
    network: aNetwork,
    localPods: [],
    podStates: new Map(),
    hostListeners: new Set(['tcp 22', 'udp 30022']),
  })
  t.strictSame(
    plan.frontends.map(one => `${one.address ?? 'node'} ${one.port}`),
    ['10.96.1.1 22', 'node 30022'],
  )
  t.strictSame(plan.refused, ['default/web does not answer at node tcp 22: another program of this node listens there'])
})

t.test('what is no address, port or time never reaches the kernel, and keeps nobody else out', async t => {
  const bad = [
    aService({ name: 'a', clusterIP: '10.96.1.2 . tcp . 80 : drop }\nflush ruleset\n', endpoints: [there] }),
    aService({
      name: 'b',
      clusterIP: '10.96.1.3',
      ports: [{ name: '', protocol: 'TCP', port: 70_000 }],
      endpoints: [there],
    }),
    aService({ name: 'c', clusterIP: '10.96.1.4', sessionAffinitySeconds: 1.5, endpoints: [there] }),
    aService({ name: 'd', clusterIP: '10.96.1.5', endpoints: [{ ...there, ports: { '': -1 } }] }),
  ]
  const plan = compiled([...bad, aService({ endpoints: [there] })])
  t.strictSame(
    plan.frontends.map(one => one.name),
    ['default/web'],
  )
  t.equal(plan.refused.length, 4)
})
