import t from 'tap'
import { podCauses } from '../../../src/api/pods/pod-causes.ts'
import { podDefaults } from '../../../src/api/pods/pod-defaults.ts'
import { conform } from '../../../src/api/schema.ts'
import type { Container, Pod, PodSpec } from '../../../src/api/types.ts'
import { aPod } from '../objects.ts'

const says = (pod: Pod, before?: Pod): readonly string[] =>
  podCauses(pod, before).map(({ field, message }) => `${field}: ${message}`)

const aSpec = (change: Partial<PodSpec>): Pod =>
  aPod({ spec: { containers: [{ name: 'web', image: 'web:1' }], ...change } })

const aContainer = (change: Partial<Container>, rest: Partial<PodSpec> = {}): Pod =>
  aSpec({ containers: [{ name: 'web', image: 'web:1', ...change }], ...rest })

t.test('a pod that is fine is fine, before and after its defaults', async t => {
  const pod = aContainer(
    {
      ports: [{ name: 'http', containerPort: 80 }],
      env: [
        { name: 'A', value: '1' },
        { name: 'B', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
        { name: 'C', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
        { name: 'D', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
      ],
      envFrom: [{ configMapRef: { name: 'cm' }, prefix: 'X_' }],
      volumeMounts: [{ name: 'v', mountPath: '/v', subPath: 'a/b' }],
      resources: { limits: { cpu: '1', 'example.com/gpu': '2' }, requests: { cpu: '500m' } },
      readinessProbe: { httpGet: { port: 'http' }, successThreshold: 2 },
      livenessProbe: { exec: { command: ['true'] } },
      lifecycle: { preStop: { sleep: { seconds: 3 } } },
      securityContext: { runAsUser: 0, capabilities: { add: ['NET_ADMIN'] } },
    },
    {
      initContainers: [
        { name: 'first', image: 'a' },
        { name: 'side', image: 'b', restartPolicy: 'Always', startupProbe: { tcpSocket: { port: 1 } } },
      ],
      volumes: [{ name: 'v', emptyDir: { medium: 'Memory', sizeLimit: '64Mi' } }],
      tolerations: [{ operator: 'Exists' }],
      securityContext: { sysctls: [{ name: 'net.core.somaxconn', value: '512' }] },
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['pi-1'] }] }],
          },
        },
      },
    },
  )
  t.strictSame(says(pod), [])
  t.strictSame(says(podDefaults(pod)), [])
})

const table: readonly (readonly [string, Pod, string])[] = [
  ['no containers', aSpec({ containers: [] }), 'spec.containers: Required value'],
  [
    'initContainers without containers',
    aSpec({ containers: [], initContainers: [{ name: 'a', image: 'a' }] }),
    'spec.containers: Required value',
  ],
  ['a container without a name', aContainer({ name: '' }), 'spec.containers[0].name: Required value'],
  [
    'a bad name',
    aContainer({ name: 'Web_1' }),
    'spec.containers[0].name: Invalid value: "Web_1": a lowercase RFC 1123 label',
  ],
  [
    'a name twice',
    aSpec({
      containers: [
        { name: 'a', image: 'a' },
        { name: 'a', image: 'b' },
      ],
    }),
    'spec.containers[1].name: Duplicate value: "a"',
  ],
  [
    'a name of an init container',
    aContainer({}, { initContainers: [{ name: 'web', image: 'a' }] }),
    'spec.containers[0].name: Duplicate value: "web"',
  ],
  ['no image', aContainer({ image: '' }), 'spec.containers[0].image: Required value'],
  [
    'an image with a blank',
    aContainer({ image: ' web' }),
    'spec.containers[0].image: Invalid value: " web": must not have leading',
  ],
  [
    'an unknown pull policy',
    aContainer({ imagePullPolicy: 'Sometimes' }),
    'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',
  ],
  ['an unknown restart policy', aSpec({ restartPolicy: 'Maybe' }), 'spec.restartPolicy: Unsupported value: "Maybe"'],
  [
    'a restart policy of a container',
    aContainer({ restartPolicy: 'Always' }),
    'spec.containers[0].restartPolicy: Forbidden: may not be set for non-init containers',
  ],
  [
    'a probe of an init container',
    aContainer({}, { initContainers: [{ name: 'a', image: 'a', livenessProbe: { exec: { command: ['x'] } } }] }),
    'spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
  ],
  [
    'port 0',
    aContainer({ ports: [{ containerPort: 0 }] }),
    'spec.containers[0].ports[0].containerPort: Required value',
  ],
  [
    'a port too high',
    aContainer({ ports: [{ containerPort: 70000 }] }),
    'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
  ],
  [
    'a host port that is not the port',
    aContainer({ ports: [{ containerPort: 80, hostPort: 81 }] }, { hostNetwork: true }),
    'spec.containers[0].ports[0].containerPort: Invalid value: 80: must match `hostPort` when `hostNetwork` is true',
  ],
  [
    'a host port twice',
    aContainer({
      ports: [
        { containerPort: 80, hostPort: 8080 },
        { containerPort: 81, hostPort: 8080 },
      ],
    }),
    'spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//8080"',
  ],
  [
    'a port name of digits',
    aContainer({ ports: [{ containerPort: 80, name: '80' }] }),
    'spec.containers[0].ports[0].name: Invalid value: "80": must contain at least one letter (a-z)',
  ],
  [
    'SCTP',
    aContainer({ ports: [{ containerPort: 80, protocol: 'SCTP' }] }),
    'spec.containers[0].ports[0].protocol: Forbidden: not supported in release 0.1: SCTP is not forwarded',
  ],
  [
    'a variable with =',
    aContainer({ env: [{ name: 'A=B', value: '' }] }),
    'spec.containers[0].env[0].name: Invalid value: "A=B"',
  ],
  [
    'a variable of a value and a source',
    aContainer({ env: [{ name: 'A', value: '1', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] }),
    'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
  ],
  [
    'a field that cannot be referred to',
    aContainer({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.hostname' } } }] }),
    'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "spec.hostname"',
  ],
  [
    'an empty source',
    aContainer({ env: [{ name: 'A', valueFrom: {} }] }),
    'spec.containers[0].env[0].valueFrom: Invalid value: "": must specify one of',
  ],
  [
    'envFrom of nothing',
    aContainer({ envFrom: [{}] }),
    'spec.containers[0].envFrom[0]: Invalid value: "": must specify one of',
  ],
  [
    'a mount without its volume',
    aContainer({ volumeMounts: [{ name: 'v', mountPath: '/v' }] }),
    'spec.containers[0].volumeMounts[0].name: Not found: "v"',
  ],
  [
    'two mounts at one path',
    aContainer(
      {
        volumeMounts: [
          { name: 'v', mountPath: '/v' },
          { name: 'v', mountPath: '/v' },
        ],
      },
      { volumes: [{ name: 'v', emptyDir: {} }] },
    ),
    'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/v": must be unique',
  ],
  [
    'a subPath that leaves the volume',
    aContainer(
      { volumeMounts: [{ name: 'v', mountPath: '/v', subPath: '../x' }] },
      { volumes: [{ name: 'v', emptyDir: {} }] },
    ),
    'spec.containers[0].volumeMounts[0].subPath: Invalid value: "../x": must not contain \'..\'',
  ],
  [
    'a volume of two types',
    aSpec({ volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/x' } }] }),
    'spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type',
  ],
  [
    'a volume name twice',
    aSpec({
      volumes: [
        { name: 'v', emptyDir: {} },
        { name: 'v', emptyDir: {} },
      ],
    }),
    'spec.volumes[1].name: Duplicate value: "v"',
  ],
  [
    'a hostPath with ..',
    aSpec({ volumes: [{ name: 'v', hostPath: { path: '/a/../b' } }] }),
    'spec.volumes[0].hostPath.path: Invalid value: "/a/../b": must not contain \'..\'',
  ],
  [
    'a claim',
    aSpec({ volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] }),
    'spec.volumes[0].persistentVolumeClaim: Forbidden: not supported in release 0.1: claims are not bound to volumes yet; use hostPath or emptyDir',
  ],
  [
    'a request above its limit',
    aContainer({ resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } }),
    'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
  ],
  [
    'a negative amount',
    aContainer({ resources: { requests: { memory: '-1' } } }),
    'spec.containers[0].resources.requests[memory]: Invalid value: "-1": must be greater than or equal to 0',
  ],
  [
    'an unknown resource',
    aContainer({ resources: { requests: { cpus: '1' } } }),
    'spec.containers[0].resources.requests[cpus]: Invalid value: "cpus": must be a standard resource for containers',
  ],
  [
    'a probe that asks nothing',
    aContainer({ livenessProbe: {} }),
    'spec.containers[0].livenessProbe: Required value: must specify a handler type',
  ],
  [
    'a probe that asks twice',
    aContainer({ livenessProbe: { exec: { command: ['x'] }, tcpSocket: { port: 1 } } }),
    'spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type',
  ],
  [
    'a liveness probe of two successes',
    aContainer({ livenessProbe: { exec: { command: ['x'] }, successThreshold: 2 } }),
    'spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1',
  ],
  [
    'a gRPC probe',
    aContainer({ livenessProbe: { grpc: { port: 1 } } }),
    'spec.containers[0].livenessProbe.grpc: Forbidden: not supported in release 0.1: a probe is exec, httpGet or tcpSocket',
  ],
  [
    'no rights but all',
    aContainer({ securityContext: { privileged: true, allowPrivilegeEscalation: false } }),
    'spec.containers[0].securityContext: Invalid value: "": cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
  ],
  [
    'a seccomp profile of the node',
    aContainer({ securityContext: { seccompProfile: { type: 'Localhost', localhostProfile: 'x' } } }),
    'spec.containers[0].securityContext.seccompProfile.type: Forbidden: not supported in release 0.1: seccomp profiles of the node cannot be named',
  ],
  [
    'a sysctl of the node',
    aSpec({ securityContext: { sysctls: [{ name: 'vm.swappiness', value: '1' }] } }),
    'spec.securityContext.sysctls[0].name: Forbidden: it is not a sysctl of a namespace',
  ],
  [
    'both process namespaces',
    aSpec({ hostPID: true, shareProcessNamespace: true }),
    'spec.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled',
  ],
  [
    'DNS by nobody',
    aSpec({ dnsPolicy: 'None' }),
    'spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver',
  ],
  [
    'a toleration without a key',
    aSpec({ tolerations: [{ operator: 'Equal' }] }),
    'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty',
  ],
  [
    'seconds of another effect',
    aSpec({ tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoSchedule', tolerationSeconds: 1 }] }),
    'spec.tolerations[0].effect: Invalid value: "NoSchedule": effect must be \'NoExecute\'',
  ],
  [
    'an affinity to no node',
    aSpec({
      affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } } },
    }),
    'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value',
  ],
  [
    'pods that must be apart',
    aSpec({
      affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'x' }] } },
    }),
    'spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution: Forbidden: not supported in release 0.1: pods cannot be kept from',
  ],
  ['a bad node selector', aSpec({ nodeSelector: { 'a b': 'c' } }), 'spec.nodeSelector: Invalid value: "a b"'],
  [
    'a negative grace',
    aSpec({ terminationGracePeriodSeconds: -1 }),
    'spec.terminationGracePeriodSeconds: Invalid value: -1: must be greater than or equal to 0',
  ],
  [
    'no deadline at all',
    aSpec({ activeDeadlineSeconds: 0 }),
    'spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive',
  ],
  ['a bad host name', aSpec({ hostname: 'a.b' }), 'spec.hostname: Invalid value: "a.b"'],
  [
    'a bad host alias',
    aSpec({ hostAliases: [{ ip: 'x' }] }),
    'spec.hostAliases[0].ip: Invalid value: "x": must be a valid IP address',
  ],
]

for (const [name, pod, expected] of table) {
  t.test(`${name} is refused, by field`, async t => {
    const all = says(pod)
    t.ok(
      all.some(one => one.startsWith(expected)),
      all.join('\n') || 'nothing was refused',
    )
  })
}

t.test('an update may change images, tolerations and what the scheduler sets, and nothing else', async t => {
  const before = podDefaults(aContainer({ ports: [{ containerPort: 80 }] }, { activeDeadlineSeconds: 60 }))
  const update = (change: Partial<PodSpec>): readonly string[] =>
    says({ ...before, spec: { ...(before.spec ?? { containers: [] }), ...change } }, before)
  const [container] = before.spec?.containers ?? []
  t.strictSame(update({}), [])
  t.strictSame(update({ containers: [{ ...container, name: 'web', image: 'web:2' }] }), [])
  t.strictSame(update({ nodeName: 'pi-1' }), [], 'binding')
  t.strictSame(update({ activeDeadlineSeconds: 30 }), [])
  t.strictSame(update({ tolerations: [...(before.spec?.tolerations ?? []), { key: 'a', operator: 'Exists' }] }), [])
  t.match(update({ tolerations: [] }), [/existing toleration can not be modified/])
  t.match(update({ activeDeadlineSeconds: 90 }), [/must be less than or equal to previous value/])
  t.match(update({ hostNetwork: true }), [/^spec: Forbidden: pod updates may not change fields other than/])
  t.match(update({ containers: [{ name: 'web', image: 'web:1', command: ['x'] }] }), [/^spec: Forbidden/])
  t.match(update({ schedulingGates: [{ name: 'a' }] }), [/found new scheduling gate 'a'/])
  const bound = { ...before, spec: { ...before.spec, containers: before.spec?.containers ?? [], nodeName: 'pi-1' } }
  t.match(says({ ...bound, spec: { ...bound.spec, nodeName: 'pi-2' } }, bound), [/^spec: Forbidden/])
})

t.test('a manifest that lacks what it must have is refused by its rules, not by a crash', async t => {
  const { value } = conform(
    {
      metadata: {},
      spec: {
        containers: [{ ports: [{}], env: [{}], volumeMounts: [{}], livenessProbe: { httpGet: {} } }],
        volumes: [{}],
        tolerations: [{}],
        hostAliases: [{}],
        affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{}] } },
      },
    },
    'Pod',
  )
  const pod = { metadata: {}, ...value }
  t.ok(podCauses(podDefaults(pod), undefined).length > 5)
})
