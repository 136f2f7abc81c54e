import t from 'tap'
import type { Container } from '../../../src/api/types.ts'
import { environment } from '../../../src/core/pods/env.ts'
import { expandVariables } from '../../../src/core/pods/expand.ts'
import type { NodeFacts } from '../../../src/core/pods/field-ref.ts'
import { sourcesOf } from '../../../src/core/pods/sources.ts'
import type { ServiceEntry } from '../../../src/core/services/neighbourhood.ts'
import { aConfigMap, aContainer, aPod, aSecret } from '../../fakes/builders.ts'

// The rules of upstream's third_party/forked/golang/expansion tests.
const known = new Map([
  ['VAR_A', 'A'],
  ['VAR_B', 'B'],
  ['VAR_REF', '$(VAR_A)'],
  ['VAR_EMPTY', ''],
])
for (const [text, expanded] of [
  ['$(VAR_A)', 'A'],
  ['___$(VAR_B)___', '___B___'],
  ['$(VAR_A)$(VAR_A)', 'AA'],
  ['f000-$(VAR_A)', 'f000-A'],
  ['$(VAR_UNKNOWN)', '$(VAR_UNKNOWN)'],
  ['$$(VAR_A)', '$(VAR_A)'],
  ['$$$(VAR_A)', '$A'],
  ['$$$$(VAR_A)', '$$(VAR_A)'],
  ['$$$$$(VAR_A)', '$$A'],
  ['$(VAR_REF)', '$(VAR_A)'],
  ['foo$(VAR_EMPTY)bar', 'foobar'],
  ['foo\\\\$(VAR_A)bar', 'foo\\\\Abar'],
  ['$VAR_A', '$VAR_A'],
  ['$(VAR_A', '$(VAR_A'],
  ['$', '$'],
  ['$$', '$'],
  ['$(VAR_A))', 'A)'],
  ['$((VAR_A)', '$((VAR_A)'],
  ['$?-bar', '$?-bar'],
] as const) {
  t.test(`${text} expands to ${expanded}`, async t => {
    t.equal(expandVariables(text, known), expanded)
  })
}

const node: NodeFacts = {
  name: 'node-1',
  addresses: ['192.168.1.7', 'fd00::7'],
  allocatable: { cpu: '4', memory: '1Gi' },
  canProtectFromOom: false,
  memoryBytes: 1 << 30,
}

const service = (change: Partial<ServiceEntry>): ServiceEntry => ({
  namespace: 'default',
  name: 'api-server',
  uid: 'u',
  type: 'ClusterIP',
  clusterIP: '10.96.0.5',
  ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
  externalTrafficPolicy: 'Cluster',
  internalTrafficPolicy: 'Cluster',
  publishNotReadyAddresses: false,
  endpoints: [],
  ...change,
})

const envOf = (change: Partial<Container>, services: readonly ServiceEntry[] = []) => {
  const container = aContainer(change)
  const pod = aPod(
    { containers: [container], serviceAccountName: 'robot' },
    { labels: { app: 'hello' }, annotations: { note: 'a"b' } },
  )
  const sources = sourcesOf(
    [aConfigMap('settings', { COLOR: 'red', 'not valid!': 'x' })],
    [aSecret('key', { TOKEN: 'geheim' })],
  )
  const made = environment({ pod, container, sources, services, fields: { pod, node, podIP: '10.64.0.2' } })
  return 'env' in made ? Object.fromEntries(made.env) : made.missing
}

t.test('variables see those before them, and not those after', async t => {
  t.strictSame(
    envOf({
      env: [
        { name: 'A', value: '$(B)' },
        { name: 'B', value: 'b' },
        { name: 'C', value: '$(B)-$(B)' },
      ],
    }),
    { A: '$(B)', B: 'b', C: 'b-b' },
  )
})

t.test('env wins over envFrom, prefixes are put before keys, and keys that are no names are left out', async t => {
  t.strictSame(
    envOf({
      envFrom: [{ configMapRef: { name: 'settings' } }, { prefix: 'S_', secretRef: { name: 'key' } }],
      env: [{ name: 'COLOR', value: 'blue, not $(COLOR)' }],
    }),
    { COLOR: 'blue, not red', S_TOKEN: 'geheim' },
  )
})

for (const [path, value] of [
  ['metadata.name', 'hello'],
  ['metadata.namespace', 'default'],
  ['metadata.uid', 'uid-1'],
  ["metadata.labels['app']", 'hello'],
  ["metadata.annotations['note']", 'a"b'],
  ["metadata.labels['none']", ''],
  ['metadata.annotations', 'note="a\\"b"'],
  ['spec.nodeName', 'node-1'],
  ['spec.serviceAccountName', 'robot'],
  ['status.hostIP', '192.168.1.7'],
  ['status.hostIPs', '192.168.1.7,fd00::7'],
  ['status.podIP', '10.64.0.2'],
] as const) {
  t.test(`the field ${path} is ${value}`, async t => {
    t.strictSame(envOf({ env: [{ name: 'V', valueFrom: { fieldRef: { fieldPath: path } } }] }), { V: value })
  })
}

for (const [resource, divisor, value] of [
  ['limits.cpu', undefined, '1'],
  ['limits.cpu', '1m', '250'],
  ['requests.cpu', '1m', '100'],
  ['limits.memory', undefined, '67108864'],
  ['limits.memory', '1Mi', '64'],
  ['limits.memory', '1Gi', '1'],
  ['requests.memory', '1Mi', '0'],
] as const) {
  t.test(`the resource ${resource} in units of ${divisor} is ${value}`, async t => {
    t.strictSame(
      envOf({
        resources: { limits: { cpu: '250m', memory: '64Mi' }, requests: { cpu: '100m' } },
        env: [{ name: 'V', valueFrom: { resourceFieldRef: { resource, ...(divisor ? { divisor } : {}) } } }],
      }),
      { V: value },
    )
  })
}

t.test('a limit that is not set is what the node can give', async t => {
  t.strictSame(
    envOf({ env: [{ name: 'V', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } }] }),
    {
      V: '1024',
    },
  )
})

for (const { env, envFrom, missing } of [
  {
    env: [{ name: 'V', valueFrom: { configMapKeyRef: { name: 'none', key: 'K' } } }],
    missing: 'configmap "none" not found',
  },
  { env: [{ name: 'V', valueFrom: { secretKeyRef: { name: 'none', key: 'K' } } }], missing: 'secret "none" not found' },
  {
    env: [{ name: 'V', valueFrom: { configMapKeyRef: { name: 'settings', key: 'K' } } }],
    missing: "couldn't find key K in ConfigMap default/settings",
  },
  { envFrom: [{ secretRef: { name: 'none' } }], missing: 'secret "none" not found' },
]) {
  t.test(`what is missing is said: ${missing}`, async t => {
    t.equal(envOf({ ...(env ? { env } : {}), ...(envFrom ? { envFrom } : {}) }), missing)
  })
}

t.test('optional sources may be missing', async t => {
  t.strictSame(
    envOf({
      envFrom: [{ configMapRef: { name: 'none', optional: true } }],
      env: [{ name: 'V', valueFrom: { secretKeyRef: { name: 'key', key: 'NONE', optional: true } } }],
    }),
    {},
  )
})

t.test('Services of the namespace are there as variables', async t => {
  t.strictSame(
    envOf({ env: [{ name: 'URL', value: 'http://$(API_SERVER_SERVICE_HOST)' }] }, [
      service({}),
      service({ namespace: 'other', name: 'x' }),
    ]),
    {
      API_SERVER_SERVICE_HOST: '10.96.0.5',
      API_SERVER_SERVICE_PORT: '80',
      API_SERVER_SERVICE_PORT_HTTP: '80',
      API_SERVER_PORT: 'tcp://10.96.0.5:80',
      API_SERVER_PORT_80_TCP: 'tcp://10.96.0.5:80',
      API_SERVER_PORT_80_TCP_PROTO: 'tcp',
      API_SERVER_PORT_80_TCP_PORT: '80',
      API_SERVER_PORT_80_TCP_ADDR: '10.96.0.5',
      URL: 'http://10.96.0.5',
    },
  )
})
