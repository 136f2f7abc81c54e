import t from 'tap'
import type { ServiceSpec } from '../../../src/api/types.ts'
import { allocateService } from '../../../src/core/services/allocate.ts'

const ranges = { serviceCIDR: '10.96.0.0/16', dnsAddress: '10.96.0.10', firstNodePort: 30_000, lastNodePort: 32_767 }

const allocated = (spec: ServiceSpec, before?: ServiceSpec): ServiceSpec | undefined => {
  const of = (one: ServiceSpec) => ({ metadata: { name: 'web', namespace: 'default' }, spec: one })
  const allocation = allocateService({
    service: of(spec),
    before: before === undefined ? undefined : of(before),
    ranges,
    taken: { addresses: new Set(), nodePorts: new Set() },
  })
  return allocation.action === 'use' ? allocation.spec : undefined
}

t.test('a Service that is no longer reached from outside keeps nothing that only that needed', async t => {
  const before = allocated({
    type: 'LoadBalancer',
    ports: [{ port: 80, protocol: 'TCP' }],
    externalTrafficPolicy: 'Local',
    allocateLoadBalancerNodePorts: true,
  })
  t.match(before, { externalTrafficPolicy: 'Local', ports: [{ nodePort: Number }] })
  const after = allocated({ ...before, type: 'ClusterIP' }, before)
  t.equal(after?.clusterIP, before?.clusterIP)
  t.strictSame(after?.ports, [{ port: 80, protocol: 'TCP' }])
  t.notOk('externalTrafficPolicy' in (after ?? {}))
  t.notOk('allocateLoadBalancerNodePorts' in (after ?? {}))
})

t.test('what is newly asked for stays, for validation to speak of it', async t => {
  const before = allocated({ type: 'ClusterIP', ports: [{ port: 80 }] })
  const after = allocated({ ...before, externalTrafficPolicy: 'Local', ipFamilies: ['IPv6'] }, before)
  t.match(after, { externalTrafficPolicy: 'Local', ipFamilies: ['IPv6'] })
})
