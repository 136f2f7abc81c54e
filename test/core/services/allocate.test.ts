import t from 'tap'
import type { Service, ServiceSpec } from '../../../src/api/types.ts'
import { allocateService, takenBy } from '../../../src/core/services/allocate.ts'
import fc from '../../support/fast-check.ts'

const ranges = { serviceCIDR: '10.96.0.0/16', dnsAddress: '10.96.0.10', firstNodePort: 30_000, lastNodePort: 32_767 }
const tiny = { serviceCIDR: '10.96.0.0/28', dnsAddress: '10.96.0.10', firstNodePort: 30_000, lastNodePort: 30_005 }

const aService = (spec: ServiceSpec = {}, name = 'web'): Service => ({
  metadata: { name, namespace: 'default' },
  spec: { ports: [{ port: 80, protocol: 'TCP' }], ...spec },
})

const allocate = (service: Service, before?: Service, others: readonly Service[] = [], within = ranges) =>
  allocateService({ service, before, ranges: within, taken: takenBy(others) })

const specOf = (service: Service, before?: Service, others: readonly Service[] = []): ServiceSpec => {
  const decision = allocate(service, before, others)
  if (decision.action === 'refuse') throw new Error(JSON.stringify(decision.causes))
  return decision.spec
}

const refusal = (service: Service, before?: Service, others: readonly Service[] = []): string => {
  const decision = allocate(service, before, others)
  return decision.action === 'use'
    ? 'not refused'
    : decision.causes.map(one => `${one.field}: ${one.message}`).join('; ')
}

t.test('a Service gets an address of the range, the same one when it is made anew', async t => {
  const spec = specOf(aService())
  t.match(spec.clusterIP, /^10\.96\.\d+\.\d+$/)
  t.strictSame(spec.clusterIPs, [spec.clusterIP])
  t.strictSame(spec.ipFamilies, ['IPv4'])
  t.equal(spec.ipFamilyPolicy, 'SingleStack')
  t.equal(specOf(aService()).clusterIP, spec.clusterIP)
  const other = specOf(aService(), undefined, [{ ...aService({}, 'other'), spec }])
  t.not(other.clusterIP, spec.clusterIP)
})

t.test('an address may be chosen, once, within the range', async t => {
  const chosen = aService({ clusterIP: '10.96.0.10' }, 'kube-dns')
  t.equal(specOf(chosen).clusterIP, '10.96.0.10')
  t.equal(
    refusal(aService({ clusterIP: '10.96.0.10' }), undefined, [chosen]),
    'spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is already allocated',
  )
  t.match(
    refusal(aService({ clusterIP: '192.168.1.1' })),
    /not in the valid range. The range of valid IPs is 10.96.0.0\/16$/,
  )
  t.match(refusal(aService({ clusterIP: '10.96.0.0' })), /not in the valid range/)
  t.match(refusal(aService({ clusterIP: 'fd00::1' })), /not in the valid range/)
  t.match(
    refusal(aService({ clusterIP: '10.96.0.20' }), aService({ clusterIP: '10.96.0.21' })),
    /spec.clusterIPs\[0\]: Invalid value: \["10.96.0.20"\]: may not change once set/,
  )
})

t.test('headless Services and external names have no address', async t => {
  t.equal(specOf(aService({ clusterIP: 'None' })).clusterIP, 'None')
  t.equal(specOf(aService({ clusterIP: 'None' }), undefined, [aService({ clusterIP: 'None' }, 'b')]).clusterIP, 'None')
  t.equal(specOf(aService({ type: 'ExternalName', externalName: 'example.org' })).clusterIP, undefined)
  t.match(
    refusal(aService({ type: 'ExternalName', externalName: 'example.org', ports: [{ port: 80, nodePort: 30_080 }] })),
    /may not be used when `type` is 'ExternalName'/,
  )
  const back = specOf(aService({ type: 'ClusterIP' }), aService({ type: 'ExternalName', externalName: 'example.org' }))
  t.match(back.clusterIP, /^10\.96\./)
})

t.test('node ports: an automatic one, a chosen one, one that is taken or outside the range is refused', async t => {
  const automatic = specOf(aService({ type: 'NodePort' })).ports?.[0]?.nodePort ?? 0
  t.ok(automatic >= 30_000 && automatic <= 32_767)
  const chosen = aService({ type: 'NodePort', ports: [{ port: 80, nodePort: 31_111 }] })
  t.equal(specOf(chosen).ports?.[0]?.nodePort, 31_111)
  t.equal(
    refusal(chosen, undefined, [aService(chosen.spec, 'other')]),
    'spec.ports[0].nodePort: Invalid value: 31111: provided port is already allocated',
  )
  t.equal(
    refusal(aService({ type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] })),
    'spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
  )
  t.match(
    refusal(aService({ type: 'ClusterIP', ports: [{ port: 80, nodePort: 31_111 }] })),
    /may not be used when `type` is/,
  )
  const both = [
    { name: 'tcp', port: 53, protocol: 'TCP', nodePort: 30_053 },
    { name: 'udp', port: 53, protocol: 'UDP', nodePort: 30_053 },
  ]
  t.strictSame(
    specOf(aService({ type: 'NodePort', ports: both })).ports?.map(port => port.nodePort),
    [30_053, 30_053],
    'one number for two protocols of one Service',
  )
})

t.test('a LoadBalancer has node ports unless it wants none', async t => {
  t.ok(specOf(aService({ type: 'LoadBalancer' })).ports?.[0]?.nodePort)
  t.equal(
    specOf(aService({ type: 'LoadBalancer', allocateLoadBalancerNodePorts: false })).ports?.[0]?.nodePort,
    undefined,
  )
})

t.test('an update that does not name them keeps address and ports', async t => {
  const before = { ...aService(), spec: specOf(aService({ type: 'NodePort' })) }
  const again = specOf(aService({ type: 'NodePort' }), before)
  t.strictSame(again, before.spec)
  const plain = specOf(aService({ type: 'ClusterIP', ports: before.spec.ports ?? [] }), before)
  t.equal(plain.ports?.[0]?.nodePort, undefined, 'a node port goes with its type')
  t.equal(plain.clusterIP, before.spec.clusterIP)
})

t.test('a full range says so', async t => {
  const all = Array.from({ length: 13 }, (_, index) => index + 1).filter(number => number !== 10)
  const others = [...all, 14].map(number => aService({ clusterIP: `10.96.0.${number}` }, `s${number}`))
  const full = allocate(aService(), undefined, others, tiny)
  t.match(full, { action: 'refuse', causes: [{ message: /range is full \(10.96.0.0\/28\)/ }] })
  const ports = Array.from({ length: 7 }, (_, index) => ({ name: `p${index}`, port: index + 1 }))
  t.match(allocate(aService({ type: 'NodePort', ports }), undefined, [], tiny), {
    action: 'refuse',
    causes: [{ field: 'spec.ports[6].nodePort', message: /range is full/ }],
  })
})

t.test('no address and no node port is ever given twice', async () => {
  const step = fc.record({
    name: fc.nat(12),
    type: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName', 'delete'),
    nodePort: fc.constantFrom(0, 30_001, 30_004),
    clusterIP: fc.constantFrom('', '10.96.0.3', '10.96.0.10', 'None'),
    ports: fc.integer({ min: 1, max: 2 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const services = new Map<number, Service>()
      for (const { name, type, nodePort, clusterIP, ports } of steps) {
        if (type === 'delete') {
          services.delete(name)
          continue
        }
        const before = services.get(name)
        const wanted = Array.from({ length: ports }, (_, index) => ({
          name: `p${index}`,
          port: 80 + index,
          ...(nodePort > 0 && index === 0 && type !== 'ClusterIP' && { nodePort }),
        }))
        const spec = { type, ports: wanted, ...(clusterIP !== '' && { clusterIP }) }
        const service = aService(spec, `s${name}`)
        const others = [...services].filter(([one]) => one !== name).map(([, one]) => one)
        const decision = allocate(service, before, others, tiny)
        if (decision.action === 'use') services.set(name, { ...service, spec: decision.spec })
      }
      const addresses = [...services.values()]
        .map(one => one.spec?.clusterIP)
        .filter(ip => ip !== undefined && ip !== 'None')
      const nodePorts = [...services.values()].flatMap(one => (one.spec?.ports ?? []).map(port => port.nodePort ?? 0))
      const given = nodePorts.filter(port => port > 0)
      return new Set(addresses).size === addresses.length && new Set(given).size === given.length
    }),
    { numRuns: 500 },
  )
})
