import t from 'tap'
import { kindNamed } from '../../../src/api/kinds.ts'
import { serviceCauses } from '../../../src/api/services/service-causes.ts'
import type { Service, ServiceSpec } from '../../../src/api/types.ts'
import { aService } from '../objects.ts'

const says = (service: Service, before?: Service): readonly string[] =>
  serviceCauses(service, before).map(({ field, message }) => `${field}: ${message}`)

t.test('Services of every type are fine, with their defaults', async t => {
  for (const change of [
    {},
    { type: 'NodePort', ports: [{ port: 80, nodePort: 31_111 }] },
    { type: 'LoadBalancer', sessionAffinity: 'ClientIP' },
    { clusterIP: 'None', ports: [] },
    { type: 'ExternalName', externalName: 'example.com.', ports: [] },
    {
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP' },
        { name: 'dns-tcp', port: 53 },
      ],
    },
  ] satisfies Partial<ServiceSpec>[]) {
    const service = kindNamed('Service').defaults(aService(change))
    t.strictSame(kindNamed('Service').validate(service, undefined), [], JSON.stringify(change))
    t.strictSame(kindNamed('Service').defaults(service), service, 'defaults of defaults are the same')
  }
})

const port = { port: 80 }

const table: readonly (readonly [string, Partial<ServiceSpec>, string])[] = [
  ['no ports', { ports: [] }, 'spec.ports: Required value'],
  ['an unknown type', { type: 'Magic' }, 'spec.type: Unsupported value: "Magic"'],
  ['two ports without names', { ports: [port, { port: 81 }] }, 'spec.ports[0].name: Required value'],
  [
    'a name twice',
    {
      ports: [
        { name: 'a', port: 80 },
        { name: 'a', port: 81 },
      ],
    },
    'spec.ports[1].name: Duplicate value: "a"',
  ],
  [
    'a port twice',
    {
      ports: [
        { name: 'a', port: 80 },
        { name: 'b', port: 80 },
      ],
    },
    'spec.ports[1]: Duplicate value: {"port":80}',
  ],
  ['port 0', { ports: [{ port: 0 }] }, 'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive'],
  ['a bad target', { ports: [{ port: 80, targetPort: 'HTTP' }] }, 'spec.ports[0].targetPort: Invalid value: "HTTP"'],
  [
    'a node port out of range',
    { type: 'NodePort', ports: [{ port: 80, nodePort: 8080 }] },
    'spec.ports[0].nodePort: Invalid value: 8080: provided port is not in the valid range. The range of valid ports is 30000-32767',
  ],
  [
    'a node port of a ClusterIP',
    { type: 'ClusterIP', ports: [{ port: 80, nodePort: 31_000 }] },
    "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
  ],
  [
    'headless from outside',
    { type: 'NodePort', clusterIP: 'None' },
    'spec.clusterIPs[0]: Invalid value: "None": may not be set to \'None\' for NodePort services',
  ],
  [
    'an address that is none',
    { clusterIP: '10.96' },
    'spec.clusterIPs[0]: Invalid value: "10.96": must be a valid IP address',
  ],
  ['an external name that is missing', { type: 'ExternalName' }, 'spec.externalName: Required value'],
  ['an affinity that is unknown', { sessionAffinity: 'Cookie' }, 'spec.sessionAffinity: Unsupported value: "Cookie"'],
  [
    'an affinity without end',
    { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 0 } } },
    'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0',
  ],
  [
    'a policy of outside for inside',
    { type: 'ClusterIP', externalTrafficPolicy: 'Local' },
    'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
  ],
  [
    'addresses of others',
    { externalIPs: ['1.2.3.4'] },
    'spec.externalIPs: Forbidden: not supported in release 0.1: a Service cannot claim addresses of others',
  ],
  [
    'IPv6',
    { ipFamilies: ['IPv6'] },
    'spec.ipFamilies: Forbidden: not supported in release 0.1: Services have IPv4 addresses alone',
  ],
  ['source ranges', { loadBalancerSourceRanges: ['10.0.0.0/8'] }, 'spec.loadBalancerSourceRanges: Forbidden'],
  ['a selector that is none', { selector: { 'a b': 'c' } }, 'spec.selector: Invalid value: "a b"'],
]

for (const [name, change, expected] of table) {
  t.test(`${name}: refused, by field`, async t => {
    const all = says(aService(change))
    t.ok(
      all.some(one => one.startsWith(expected)),
      all.join('\n') || 'nothing was refused',
    )
  })
}

t.test('an address may not change once it is set', async t => {
  const before = aService({ clusterIP: '10.96.0.7' })
  t.strictSame(says(aService({ clusterIP: '10.96.0.7' }), before), [])
  t.match(says(aService({ clusterIP: '10.96.0.8' }), before), [/may not change once set/])
})

t.test('the row of a Service says where it is reached', async t => {
  const kind = kindNamed('Service')
  const cells = (change: Partial<ServiceSpec>, status?: Service['status']) =>
    kind.cells({ ...kind.defaults(aService(change)), ...(status === undefined ? {} : { status }) }, 0).slice(1, 5)
  t.strictSame(cells({ clusterIP: '10.96.0.7' }), ['ClusterIP', '10.96.0.7', '<none>', '80/TCP'])
  t.strictSame(cells({ type: 'NodePort', ports: [{ port: 80, nodePort: 31_111 }] }), [
    'NodePort',
    '<none>',
    '<none>',
    '80:31111/TCP',
  ])
  t.strictSame(cells({ type: 'LoadBalancer' }), ['LoadBalancer', '<none>', '<pending>', '80/TCP'])
  t.strictSame(
    cells({ type: 'LoadBalancer' }, { loadBalancer: { ingress: [{ ip: '192.168.0.5' }] } }).at(2),
    '192.168.0.5',
  )
  t.strictSame(cells({ type: 'ExternalName', externalName: 'example.com', ports: [] }), [
    'ExternalName',
    '<none>',
    'example.com',
    '<none>',
  ])
  t.strictSame(cells({ clusterIP: 'None' }).at(1), 'None')
})
