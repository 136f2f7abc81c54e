import t from 'tap'
import { compile } from '../../../src/core/services/compile.ts'
import { diff } from '../../../src/core/services/diff.ts'
import type { Installed } from '../../../src/core/services/elements.ts'
import { elementsOf, nothingInstalled } from '../../../src/core/services/elements.ts'
import { leavers } from '../../../src/core/services/leavers.ts'
import { aNetwork } from '../../contract/pod-network.ts'
import fc from '../../support/fast-check.ts'
import { aNeighbourhood, anEndpoint, aService } from './a-service.ts'
import { applyBatch } from './nft-model.ts'

const endpoint = fc
  .record({
    last: fc.integer({ min: 1, max: 6 }),
    node: fc.constantFrom('node-2', 'node-3'),
    ready: fc.boolean(),
    terminating: fc.boolean(),
    port: fc.constantFrom(8080, 9090),
  })
  .map(({ last, node, ready, terminating, port }) =>
    anEndpoint({
      address: node === 'node-2' ? `10.64.0.13${last}` : `10.64.1.${last}`,
      node,
      ready,
      serving: true,
      terminating,
      ports: { '': port },
    }),
  )

const service = fc
  .record({
    number: fc.integer({ min: 1, max: 4 }),
    type: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer'),
    protocol: fc.constantFrom('TCP', 'UDP'),
    isLocal: fc.boolean(),
    affinity: fc.constantFrom(undefined, 10, 60),
    endpoints: fc.array(endpoint, { maxLength: 6 }),
  })
  .map(({ number, type, protocol, isLocal, affinity, endpoints }) =>
    aService({
      name: `s${number}`,
      type,
      clusterIP: `10.96.1.${number}`,
      ports: [{ name: '', protocol, port: 80, nodePort: 30080 + number }],
      externalTrafficPolicy: isLocal ? 'Local' : 'Cluster',
      ...(affinity === undefined ? {} : { sessionAffinitySeconds: affinity }),
      endpoints,
    }),
  )

const planned = fc.tuple(fc.array(service, { maxLength: 4 }), fc.subarray([1, 2, 3, 4, 5, 6])).map(([services, pods]) =>
  compile({
    neighbourhood: aNeighbourhood(services),
    node: 'node-2',
    network: aNetwork,
    localPods: pods.map(last => ({ uid: `pod-${last}`, ip: `10.64.0.13${last}`, hostPorts: [] })),
    podStates: new Map(),
  }),
)

const comparable = (of: Installed) => ({
  maps: Object.fromEntries(Object.entries(of.maps).map(([name, map]) => [name, [...map].toSorted()])),
  chains: [...of.chains].toSorted(),
  clientSets: [...of.clientSets.keys()].toSorted(),
})

t.test('from whatever is installed, the change leads to what is wanted, and a second one is empty', async t => {
  fc.assert(
    fc.property(planned, planned, (before, after) => {
      const from = applyBatch(nothingInstalled, diff(nothingInstalled, elementsOf(before)).batch)
      const wanted = elementsOf(after)
      const { batch, cleanup } = diff(from, wanted)
      const to = applyBatch(applyBatch(from, batch), cleanup)
      t.strictSame(comparable(to), comparable(wanted))
      t.strictSame(diff(to, wanted), { batch: '', cleanup: '' })
    }),
    { numRuns: 200 },
  )
})

t.test('a change of one endpoint is a change of few lines, whatever else there is', async t => {
  const many = Array.from({ length: 500 }, (_, index) =>
    aService({
      name: `s${index}`,
      clusterIP: `10.96.${2 + Math.floor(index / 200)}.${(index % 200) + 1}`,
      endpoints: [anEndpoint({ address: '10.64.1.1', node: 'node-3' })],
    }),
  )
  const plan = (endpoints: readonly string[]) =>
    elementsOf(
      compile({
        neighbourhood: aNeighbourhood([
          ...many,
          aService({ name: 'x', endpoints: endpoints.map(address => anEndpoint({ address, node: 'node-3' })) }),
        ]),
        node: 'node-2',
        network: aNetwork,
        localPods: [],
        podStates: new Map(),
      }),
    )
  t.equal(
    diff(plan(['10.64.1.1', '10.64.1.2']), plan(['10.64.1.1', '10.64.1.3'])).batch,
    'delete element ip dunlin eps { 10.96.1.1 . tcp . 80 . 1 }\nadd element ip dunlin eps { 10.96.1.1 . tcp . 80 . 1 : 10.64.1.3 . 8080 }\n',
  )
})

t.test('who leaves: flows of UDP end, connections to the vanished are reset, the unready are left alone', async t => {
  const at = (addresses: readonly string[], protocol: 'TCP' | 'UDP') =>
    elementsOf(
      compile({
        neighbourhood: aNeighbourhood([
          aService({
            type: 'NodePort',
            ports: [{ name: '', protocol, port: 53, nodePort: 30053 }],
            endpoints: addresses.map(address => anEndpoint({ address, node: 'node-3' })),
          }),
        ]),
        node: 'node-2',
        network: aNetwork,
        localPods: [],
        podStates: new Map(),
      }),
    )
  const both = ['10.64.1.1', '10.64.1.2']
  t.strictSame(leavers(at(both, 'UDP'), at(['10.64.1.1'], 'UDP'), new Set(['10.64.1.1'])), {
    staleFlows: [
      { address: '10.96.1.1', port: 53, endpoint: '10.64.1.2' },
      { port: 30053, endpoint: '10.64.1.2' },
    ],
    gone: ['10.64.1.2'],
  })
  t.strictSame(leavers(at(both, 'TCP'), at(['10.64.1.1'], 'TCP'), new Set(both)), { staleFlows: [], gone: [] })
  t.strictSame(leavers(nothingInstalled, at(both, 'UDP'), new Set(both)).staleFlows, [{ port: 30053 }])
  t.strictSame(leavers(at(both, 'UDP'), at([], 'UDP'), new Set()).staleFlows.length, 4)
})
