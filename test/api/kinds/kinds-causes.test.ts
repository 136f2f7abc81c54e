import t from 'tap'
import { kindNamed } from '../../../src/api/kinds.ts'
import { conform } from '../../../src/api/schema.ts'
import type { KubeObject } from '../../../src/api/types.ts'

/** A manifest as it comes in: measured, with its defaults. */
const made = (name: string, manifest: object): KubeObject => {
  const kind = kindNamed(name)
  const { value } = conform(manifest, kind.schema)
  return kind.defaults({ metadata: {}, ...value })
}

const says = (name: string, manifest: object, before?: object): readonly string[] =>
  kindNamed(name)
    .validate(made(name, manifest), before === undefined ? undefined : made(name, before))
    .map(({ field, message }) => `${field}: ${message}`)

const named = { name: 'x', namespace: 'default' }
const cluster = { name: 'x' }
const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'i' }] } }
const workload = { metadata: named, spec: { selector: { matchLabels: { app: 'x' } }, template } }
const withSpec = (spec: object) => ({ ...workload, spec: { ...workload.spec, ...spec } })
const role = { metadata: named, rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }] }
const binding = {
  metadata: named,
  roleRef: { kind: 'Role', name: 'r' },
  subjects: [
    { kind: 'User', name: 'u' },
    { kind: 'ServiceAccount', name: 's', namespace: 'default' },
  ],
}
const volume = {
  metadata: cluster,
  spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, nfs: { server: 's', path: '/' } },
}
const claim = { metadata: named, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } }
const storage = { metadata: cluster, provisioner: 'example.com/nfs' }
const slice = { metadata: named, addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'] }], ports: [{ port: 80 }] }
const event = { metadata: named, involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' } }

const fine: readonly (readonly [string, object])[] = [
  ['Namespace', { metadata: cluster }],
  ['Node', { metadata: cluster, spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } }],
  ['Deployment', workload],
  ['ReplicaSet', workload],
  ['DaemonSet', workload],
  ['ConfigMap', { metadata: named, data: { a: '1', '.b': '2' } }],
  ['Secret', { metadata: named, stringData: { a: '1' } }],
  ['Secret', { metadata: named, type: 'kubernetes.io/tls', data: { 'tls.crt': '', 'tls.key': '' } }],
  ['Event', event],
  ['ServiceAccount', { metadata: named, imagePullSecrets: [{ name: 's' }] }],
  ['PersistentVolume', volume],
  ['PersistentVolumeClaim', claim],
  ['StorageClass', storage],
  ['Role', role],
  ['ClusterRole', { metadata: { name: 'system:x' }, rules: [{ verbs: ['get'], nonResourceURLs: ['/healthz'] }] }],
  ['RoleBinding', binding],
  ['ClusterRoleBinding', { ...binding, metadata: cluster, roleRef: { kind: 'ClusterRole', name: 'r' } }],
  ['Lease', { metadata: named, spec: { leaseDurationSeconds: 40 } }],
  ['EndpointSlice', slice],
]

t.test('what is fine is fine, and is made alike twice', async t => {
  for (const [name, manifest] of fine) {
    t.strictSame(says(name, manifest), [], name)
    t.strictSame(says(name, manifest, manifest), [], `${name}, updated by itself`)
    t.strictSame(kindNamed(name).defaults(made(name, manifest)), made(name, manifest), `${name}, defaults of defaults`)
  }
})

const bad: readonly (readonly [string, string, object, string])[] = [
  [
    'no name',
    'ConfigMap',
    { metadata: { namespace: 'default' } },
    'metadata.name: Required value: name or generateName is required',
  ],
  [
    'a bad name',
    'ConfigMap',
    { metadata: { ...named, name: 'A_b' } },
    'metadata.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain',
  ],
  [
    'a bad prefix of a name',
    'ConfigMap',
    { metadata: { namespace: 'default', generateName: 'A-' } },
    'metadata.generateName: Invalid value: "A-"',
  ],
  [
    'a namespace for what has none',
    'Node',
    { metadata: named },
    'metadata.namespace: Forbidden: not allowed on this type',
  ],
  ['a bad label', 'ConfigMap', { metadata: { ...named, labels: { a: '-' } } }, 'metadata.labels: Invalid value: "-"'],
  [
    'a bad annotation key',
    'ConfigMap',
    { metadata: { ...named, annotations: { 'a b': '' } } },
    'metadata.annotations: Invalid value: "a b"',
  ],
  [
    'annotations too long',
    'ConfigMap',
    { metadata: { ...named, annotations: { a: 'x'.repeat(262_144) } } },
    'metadata.annotations: Too long: may not be more than 262144 bytes',
  ],
  [
    'an owner without a uid',
    'ConfigMap',
    { metadata: { ...named, ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p' }] } },
    'metadata.ownerReferences[0].uid: Invalid value: ""',
  ],
  [
    'two controllers',
    'ConfigMap',
    {
      metadata: {
        ...named,
        ownerReferences: [1, 2].map(one => ({
          apiVersion: 'v1',
          kind: 'Pod',
          name: 'p',
          uid: `${one}`,
          controller: true,
        })),
      },
    },
    'metadata.ownerReferences: Invalid value: 2: Only one reference can have Controller set to true',
  ],
  [
    'a finalizer without a domain',
    'ConfigMap',
    { metadata: { ...named, finalizers: ['mine'] } },
    'metadata.finalizers[0]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
  ],
  [
    'a taint without an effect',
    'Node',
    { metadata: cluster, spec: { taints: [{ key: 'a' }] } },
    'spec.taints[0].effect: Required value',
  ],
  [
    'a taint twice',
    'Node',
    {
      metadata: cluster,
      spec: {
        taints: [
          { key: 'a', effect: 'NoExecute' },
          { key: 'a', effect: 'NoExecute', value: 'b' },
        ],
      },
    },
    'spec.taints[1]: Duplicate value',
  ],
  ['no selector', 'Deployment', withSpec({ selector: undefined }), 'spec.selector: Required value'],
  [
    'a selector that matches no template label',
    'Deployment',
    withSpec({ selector: { matchLabels: { app: 'y' } } }),
    'spec.template.metadata.labels: Invalid value: {"app":"x"}: `selector` does not match template `labels`',
  ],
  [
    'a selector of an unknown operator',
    'ReplicaSet',
    withSpec({ selector: { matchExpressions: [{ key: 'a', operator: 'Like' }] } }),
    'spec.selector.matchExpressions[0].operator: Invalid value: "Like": not a valid selector operator',
  ],
  ['no template', 'DaemonSet', withSpec({ template: undefined }), 'spec.template.spec.containers: Required value'],
  [
    'initContainers without containers',
    'Deployment',
    withSpec({ template: { metadata: template.metadata, spec: { initContainers: [{ name: 'a', image: 'a' }] } } }),
    'spec.template.spec.containers: Required value',
  ],
  [
    'pods that end',
    'Deployment',
    withSpec({ template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } }),
    'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
  ],
  [
    'a negative count',
    'Deployment',
    withSpec({ replicas: -1 }),
    'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
  ],
  [
    'a deadline before readiness',
    'Deployment',
    withSpec({ minReadySeconds: 600 }),
    'spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds',
  ],
  [
    'a roll-out that cannot move',
    'Deployment',
    withSpec({ strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: '0%' } } }),
    'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0',
  ],
  [
    'more than all unavailable',
    'Deployment',
    withSpec({ strategy: { rollingUpdate: { maxUnavailable: '101%' } } }),
    'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%',
  ],
  [
    'a percentage that is none',
    'Deployment',
    withSpec({ strategy: { rollingUpdate: { maxSurge: 'half' } } }),
    'spec.strategy.rollingUpdate.maxSurge: Invalid value: "half": a valid percent string',
  ],
  [
    'steps of what is made at once',
    'Deployment',
    withSpec({ strategy: { type: 'Recreate', rollingUpdate: { maxSurge: 1 } } }),
    "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
  ],
  [
    'surge and unavailable',
    'DaemonSet',
    withSpec({ updateStrategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } } }),
    'spec.updateStrategy.rollingUpdate.maxSurge: Forbidden: may not be set when maxUnavailable is non-zero',
  ],
  [
    'a bad key',
    'ConfigMap',
    { metadata: named, data: { 'a/b': '' } },
    'data[a/b]: Invalid value: "a/b": a valid config key',
  ],
  [
    'a key twice',
    'ConfigMap',
    { metadata: named, data: { a: '' }, binaryData: { a: '' } },
    'data[a]: Duplicate value: "a"',
  ],
  [
    'too much',
    'ConfigMap',
    { metadata: named, data: { a: 'x'.repeat(1_500_000) } },
    'data: Too long: may not be more than 1048576 bytes',
  ],
  [
    'a certificate without its key',
    'Secret',
    { metadata: named, type: 'kubernetes.io/tls', data: { 'tls.crt': '' } },
    'data[tls.key]: Required value',
  ],
  [
    'an event of another namespace',
    'Event',
    { ...event, involvedObject: { namespace: 'other' } },
    'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
  ],
  [
    'a volume without a place',
    'PersistentVolume',
    { ...volume, spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' } } },
    'spec: Required value: must specify a volume type',
  ],
  [
    'a volume in two places',
    'PersistentVolume',
    { ...volume, spec: { ...volume.spec, hostPath: { path: '/x' } } },
    'spec.hostPath: Forbidden: may not specify more than 1 volume type',
  ],
  [
    'a volume without a size',
    'PersistentVolume',
    { ...volume, spec: { ...volume.spec, capacity: {} } },
    'spec.capacity[storage]: Required value',
  ],
  [
    'a claim of nothing',
    'PersistentVolumeClaim',
    { ...claim, spec: { ...claim.spec, resources: { requests: { storage: '0' } } } },
    'spec.resources[storage]: Invalid value: "0": must be greater than zero',
  ],
  [
    'an unknown access',
    'PersistentVolumeClaim',
    { ...claim, spec: { ...claim.spec, accessModes: ['All'] } },
    'spec.accessModes: Unsupported value: "All"',
  ],
  ['no provisioner', 'StorageClass', { metadata: cluster }, 'provisioner: Required value'],
  [
    'a rule without verbs',
    'Role',
    { ...role, rules: [{ resources: ['pods'] }] },
    'rules[0].verbs: Required value: verbs must contain at least one value',
  ],
  [
    'a URL in a namespace',
    'Role',
    { ...role, rules: [{ verbs: ['get'], nonResourceURLs: ['/x'] }] },
    'rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply',
  ],
  [
    'a Role for the whole cluster',
    'ClusterRoleBinding',
    { ...binding, metadata: cluster },
    'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
  ],
  [
    'a subject of an unknown kind',
    'RoleBinding',
    { ...binding, subjects: [{ kind: 'Robot', name: 'r' }] },
    'subjects[0].kind: Unsupported value: "Robot"',
  ],
  [
    'a name with a slash',
    'Role',
    { ...role, metadata: { ...named, name: 'a/b' } },
    'metadata.name: Invalid value: "a/b": may not contain \'/\'',
  ],
  [
    'a lease of no time',
    'Lease',
    { metadata: named, spec: { leaseDurationSeconds: 0 } },
    'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
  ],
  [
    'an address of another family',
    'EndpointSlice',
    { ...slice, endpoints: [{ addresses: ['::1'] }] },
    'endpoints[0].addresses[0]: Invalid value: "::1": must be an IPv4 address',
  ],
  [
    'an endpoint without an address',
    'EndpointSlice',
    { ...slice, endpoints: [{}] },
    'endpoints[0].addresses: Required value',
  ],
  [
    'two ports of one name',
    'EndpointSlice',
    { ...slice, ports: [{ port: 1 }, { port: 2 }] },
    'ports[1].name: Duplicate value: ""',
  ],
]

for (const [what, kind, manifest, expected] of bad) {
  t.test(`${kind}: ${what} is refused, by field`, async t => {
    const all = says(kind, manifest)
    t.ok(
      all.some(one => one.startsWith(expected)),
      all.join('\n') || 'nothing was refused',
    )
  })
}

const changes: readonly (readonly [string, string, object, object, string])[] = [
  [
    'the selector',
    'Deployment',
    workload,
    withSpec({ selector: { matchExpressions: [{ key: 'app', operator: 'Exists' }] } }),
    'spec.selector: Invalid value',
  ],
  [
    'the role',
    'RoleBinding',
    binding,
    { ...binding, roleRef: { kind: 'Role', name: 'other' } },
    'roleRef: Invalid value',
  ],
  [
    'the type of a Secret',
    'Secret',
    { metadata: named },
    { metadata: named, type: 'Other' },
    'type: Invalid value: "Other": field is immutable',
  ],
  [
    'data that is marked',
    'ConfigMap',
    { metadata: named, immutable: true, data: { a: '1' } },
    { metadata: named, immutable: true, data: { a: '2' } },
    'data: Forbidden: field is immutable when `immutable` is set',
  ],
  ['the mark itself', 'Secret', { metadata: named, immutable: true }, { metadata: named }, 'immutable: Forbidden'],
  [
    'the provisioner',
    'StorageClass',
    storage,
    { ...storage, provisioner: 'other.com/x' },
    'provisioner: Invalid value: "other.com/x": updates to this field are forbidden.',
  ],
  [
    'a claim',
    'PersistentVolumeClaim',
    claim,
    { ...claim, spec: { ...claim.spec, storageClassName: 'fast' } },
    'spec: Invalid value',
  ],
  [
    'the family of addresses',
    'EndpointSlice',
    slice,
    { ...slice, addressType: 'FQDN' },
    'addressType: Invalid value: "FQDN": field is immutable',
  ],
  [
    'the name',
    'ConfigMap',
    { metadata: named },
    { metadata: { ...named, name: 'y' } },
    'metadata.name: Invalid value: "y": field is immutable',
  ],
  [
    'a node’s addresses',
    'Node',
    { metadata: cluster, spec: { podCIDR: '10.64.0.0/25' } },
    { metadata: cluster, spec: { podCIDR: '10.64.1.0/25' } },
    'spec.podCIDR: Forbidden',
  ],
]

for (const [what, kind, before, after, expected] of changes) {
  t.test(`${kind}: ${what} may not change`, async t => {
    t.strictSame(says(kind, before, before), [])
    const all = says(kind, after, before)
    t.ok(
      all.some(one => one.startsWith(expected)),
      all.join('\n') || 'nothing was refused',
    )
  })
}

t.test('an empty manifest of any kind is refused by its rules, not by a crash', async t => {
  for (const name of ['Pod', 'Service', ...new Set(fine.map(([kind]) => kind))]) {
    t.ok(says(name, {}).length > 0, name)
    t.ok(says(name, { spec: {} }, {}).length > 0, name)
  }
})

t.test('persistent storage says that it is not bound yet', async t => {
  for (const name of ['PersistentVolume', 'PersistentVolumeClaim', 'StorageClass']) {
    t.match(kindNamed(name).warnings(made(name, {})), [
      /stored and shown; binding of volumes comes with a later release/,
    ])
  }
})

t.test('an answer tells a bounded number of causes', async t => {
  const labels = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`key-${index}`, '-']))
  t.equal(says('ConfigMap', { metadata: { ...named, labels } }).length, 100)
})
