import t from 'tap'
import type { EndpointSlice, Pod, Service } from '../../../src/api/types.ts'
import { mostPerSlice, planEndpoints, targetPortOf } from '../../../src/core/services/endpoints.ts'
import fc from '../../support/fast-check.ts'

const aService = (spec: Partial<Service['spec'] & object> = {}): Service => ({
  metadata: { name: 'web', namespace: 'default', uid: 'uid-of-web' },
  spec: { selector: { app: 'web' }, clusterIP: '10.96.0.1', ports: [{ port: 80, targetPort: 8080 }], ...spec },
})

const aServed = (
  name: string,
  change: Partial<Pod['status'] & object> = {},
  metadata: Partial<Pod['metadata']> = {},
): Pod => ({
  metadata: { name, namespace: 'default', uid: `uid-of-${name}`, labels: { app: 'web' }, ...metadata },
  spec: { nodeName: 'a', containers: [{ name: 'web', ports: [{ name: 'http', containerPort: 8080 }] }] },
  status: {
    phase: 'Running',
    podIP: `10.64.0.${name.replace(/\D/g, '')}`,
    conditions: [{ type: 'Ready', status: 'True' }],
    ...change,
  },
})

let made = 0

/** The slices after the plan has been carried out. */
const after = (
  service: Service,
  pods: readonly Pod[],
  slices: readonly EndpointSlice[] = [],
): readonly EndpointSlice[] => {
  const now = new Map(slices.map(slice => [slice.metadata.name ?? '', slice]))
  for (const step of planEndpoints({ service, pods, slices })) {
    made += 1
    const name = step.slice.metadata.name ?? `web-${made}`
    if (step.action === 'deleteSlice') now.delete(name)
    else now.set(name, { ...step.slice, metadata: { ...step.slice.metadata, name } })
  }
  return [...now.values()]
}

const endpointsOf = (slices: readonly EndpointSlice[]) => slices.flatMap(slice => slice.endpoints ?? [])

t.test('a slice names the pods, their state and their ports', async t => {
  const [slice, ...others] = after(aService(), [aServed('web-1')])
  t.strictSame(others, [])
  t.match(slice, {
    addressType: 'IPv4',
    metadata: {
      generateName: 'web-',
      labels: {
        'kubernetes.io/service-name': 'web',
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      },
      ownerReferences: [{ kind: 'Service', name: 'web', uid: 'uid-of-web', controller: true }],
    },
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
    endpoints: [
      {
        addresses: ['10.64.0.1'],
        nodeName: 'a',
        conditions: { ready: true, serving: true, terminating: false },
        targetRef: { kind: 'Pod', namespace: 'default', name: 'web-1', uid: 'uid-of-web-1' },
      },
    ],
  })
})

t.test('readiness, leaving and having left', async t => {
  const conditionsOf = (pod: Pod, service = aService()) => endpointsOf(after(service, [pod]))[0]?.conditions
  const notReady = { conditions: [{ type: 'Ready', status: 'False' }] }
  const leaving = { deletionTimestamp: '2026-01-01T00:00:00Z' }
  t.strictSame(conditionsOf(aServed('web-1', notReady)), { ready: false, serving: false, terminating: false })
  t.strictSame(conditionsOf(aServed('web-1', {}, leaving)), { ready: false, serving: true, terminating: true })
  const publishing = aService({ publishNotReadyAddresses: true })
  t.strictSame(conditionsOf(aServed('web-1', notReady), publishing), {
    ready: true,
    serving: false,
    terminating: false,
  })
  t.equal(conditionsOf(aServed('web-1', { phase: 'Succeeded' })), undefined)
  t.equal(conditionsOf({ ...aServed('web-1'), status: { phase: 'Pending' } }), undefined, 'no address yet')
})

t.test('without selector, or with an external name, slices are somebody else’s', async t => {
  t.strictSame(planEndpoints({ service: aService({ selector: {} }), pods: [aServed('web-1')], slices: [] }), [])
  const external = aService({ type: 'ExternalName', externalName: 'example.org' })
  t.strictSame(planEndpoints({ service: external, pods: [aServed('web-1')], slices: [] }), [])
})

t.test('a named target port is looked up in the pod; pods that differ are in slices of their own', async t => {
  const port = { port: 80, targetPort: 'http' }
  t.equal(targetPortOf(port, aServed('web-1')), 8080)
  t.equal(targetPortOf({ ...port, protocol: 'UDP' }, aServed('web-1')), undefined)
  t.equal(targetPortOf({ port: 80 }, aServed('web-1')), 80)
  const other: Pod = {
    ...aServed('web-2'),
    spec: { nodeName: 'b', containers: [{ name: 'web', ports: [{ name: 'http', containerPort: 9090 }] }] },
  }
  const slices = after(aService({ ports: [port] }), [aServed('web-1'), other])
  t.strictSame(slices.map(slice => slice.ports?.[0]?.port).toSorted(), [8080, 9090])
})

t.test('a headless Service says so, and gives host names where the pod has one', async t => {
  const pod = aServed('web-1')
  const named: Pod = { ...pod, spec: { ...pod.spec!, hostname: 'first', subdomain: 'web' } }
  const [slice] = after(aService({ clusterIP: 'None' }), [named])
  t.equal(slice?.metadata.labels?.['service.kubernetes.io/headless'], '')
  t.equal(slice?.endpoints?.[0]?.hostname, 'first')
})

t.test('from any slices, one plan makes them equal to the pods, and the next has nothing to do', async () => {
  const pods = fc.uniqueArray(
    fc.record({
      number: fc.integer({ min: 1, max: 250 }),
      isReady: fc.boolean(),
      isLeaving: fc.boolean(),
      phase: fc.constantFrom('Running', 'Running', 'Running', 'Failed'),
    }),
    { selector: one => one.number, maxLength: 230 },
  )
  type Given = { number: number; isReady: boolean; isLeaving: boolean; phase: string }
  const podOf = ({ number, isReady, isLeaving, phase }: Given): Pod =>
    aServed(
      `web-${number}`,
      { phase, conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }] },
      isLeaving ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {},
    )
  const told = (ip: string | undefined, ready: boolean | undefined, terminating: boolean | undefined) =>
    `${ip} ${ready} ${terminating}`
  fc.assert(
    fc.property(fc.array(pods, { minLength: 1, maxLength: 4 }), history => {
      let slices: readonly EndpointSlice[] = []
      for (const given of history) {
        slices = after(aService(), given.map(podOf), slices)
        const model = given
          .filter(one => one.phase === 'Running')
          .map(one => told(`10.64.0.${one.number}`, one.isReady && !one.isLeaving, one.isLeaving))
        const found = endpointsOf(slices).map(one =>
          told(one.addresses[0], one.conditions?.ready, one.conditions?.terminating),
        )
        if (found.toSorted().join() !== model.toSorted().join()) return false
        if (slices.some(slice => (slice.endpoints ?? []).length > mostPerSlice)) return false
        if (planEndpoints({ service: aService(), pods: given.map(podOf), slices }).length > 0) return false
      }
      return true
    }),
    { numRuns: 100 },
  )
})
