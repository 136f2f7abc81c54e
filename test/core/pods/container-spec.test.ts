import t from 'tap'
import type { Container, PodSpec } from '../../../src/api/types.ts'
import { containerSpec } from '../../../src/core/pods/container-spec.ts'
import type { ContainerSpec } from '../../../src/core/pods/runtime.ts'
import { sourcesOf } from '../../../src/core/pods/sources.ts'
import { aContainer, aPod } from '../../fakes/builders.ts'

const resolve = (change: Partial<Container> = {}, spec: Partial<PodSpec> = {}) => {
  const container = aContainer(change)
  return containerSpec({
    pod: aPod({ ...spec, containers: [container] }),
    container,
    attempt: 2,
    specHash: 'v1:x',
    isInit: false,
    sources: sourcesOf([], []),
    services: [],
    node: { name: 'n', addresses: [], allocatable: {}, canProtectFromOom: false, memoryBytes: 1 << 30 },
    podIP: undefined,
    volumePath: name =>
      name === 'data'
        ? { path: '/state/volumes/uid-1/data', isReadOnly: false }
        : name === 'settings'
          ? { path: '/run/volumes/uid-1/settings', isReadOnly: true }
          : undefined,
    logMaxBytes: 1000,
  })
}

const specOf = (change: Partial<Container> = {}, spec: Partial<PodSpec> = {}): ContainerSpec => {
  const made = resolve(change, spec)
  if ('missing' in made) throw new Error(made.missing)
  return made.spec
}

t.test('a plain container', async t => {
  t.match(specOf(), {
    podUid: 'uid-1',
    podNamespace: 'default',
    podName: 'hello',
    container: 'web',
    attempt: 2,
    specHash: 'v1:x',
    image: 'localhost/dunlin/hello:1',
    env: {},
    mounts: [],
    tty: false,
    terminationMessagePath: '/dev/termination-log',
    security: { privileged: false, allowPrivilegeEscalation: true, seccompUnconfined: true, mustRunAsNonRoot: false },
  })
})

t.test('command and args use the environment; the image keeps its own where they are absent', async t => {
  const { command, args } = specOf({
    command: ['echo', '$(A) $(UNKNOWN) $$(A)'],
    args: ['$(A)'],
    env: [{ name: 'A', value: 'a' }],
  })
  t.strictSame({ command, args }, { command: ['echo', 'a $(UNKNOWN) $(A)'], args: ['a'] })
  t.equal(specOf().command, undefined)
})

for (const { what, resources, expected } of [
  { what: 'nothing', resources: undefined, expected: { cpuShares: 2, oomScoreAdj: 1000 } },
  {
    what: 'requests',
    resources: { requests: { cpu: '250m', memory: '512Mi' } },
    expected: { cpuShares: 256, oomScoreAdj: 500 },
  },
  {
    what: 'limits alone',
    resources: { limits: { cpu: '1500m', memory: '64Mi' } },
    expected: { cpuShares: 1536, cpuQuota: 150_000, memoryLimit: 67_108_864, oomScoreAdj: undefined },
  },
  { what: 'a tiny limit', resources: { limits: { cpu: '1m' } }, expected: { cpuShares: 2, cpuQuota: 1000 } },
]) {
  t.test(`resources: ${what}`, async t => {
    t.match(specOf({ resources }).resources, expected)
  })
}

t.test("the container's security context goes before the pod's", async t => {
  const pod = {
    securityContext: {
      runAsUser: 1000,
      runAsGroup: 1000,
      fsGroup: 2000,
      supplementalGroups: [3000],
      runAsNonRoot: true,
    },
  }
  t.match(
    specOf(
      {
        securityContext: {
          runAsUser: 5,
          readOnlyRootFilesystem: true,
          capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] },
        },
      },
      pod,
    ).security,
    {
      user: 5,
      group: 1000,
      supplementalGroups: [3000, 2000],
      mustRunAsNonRoot: true,
      readOnlyRoot: true,
      capAdd: ['NET_ADMIN'],
      capDrop: ['ALL'],
    },
  )
  t.equal(specOf({ securityContext: { runAsNonRoot: false } }, pod).security.mustRunAsNonRoot, false)
  t.match(specOf({ securityContext: { seccompProfile: { type: 'RuntimeDefault' } } }).security, {
    seccompUnconfined: false,
  })
})

t.test('mounts: read-only where asked or where we write the content, with their propagation', async t => {
  const { mounts } = specOf({
    volumeMounts: [
      { name: 'data', mountPath: '/data', mountPropagation: 'HostToContainer' },
      { name: 'data', mountPath: '/ro', readOnly: true },
      { name: 'settings', mountPath: '/settings' },
    ],
  })
  t.strictSame(
    mounts.map(one => `${one.source} ${one.destination} ${one.readOnly ? 'ro' : 'rw'} ${one.propagation}`),
    [
      '/state/volumes/uid-1/data /data rw rslave',
      '/state/volumes/uid-1/data /ro ro private',
      '/run/volumes/uid-1/settings /settings ro private',
    ],
  )
})

t.test('subPath and subPathExpr lead into the volume', async t => {
  const made = resolve({
    env: [{ name: 'NAME', value: 'web' }],
    volumeMounts: [
      { name: 'data', mountPath: '/a', subPath: 'logs/today' },
      { name: 'data', mountPath: '/b', subPathExpr: 'of/$(NAME)' },
    ],
  })
  t.match(made, {
    subPaths: [
      { root: '/state/volumes/uid-1/data', path: 'logs/today', mountIndex: 0 },
      { root: '/state/volumes/uid-1/data', path: 'of/web', mountIndex: 1 },
    ],
  })
})

for (const { what, change, missing } of [
  {
    what: 'a subPath that leaves the volume',
    change: { volumeMounts: [{ name: 'data', mountPath: '/a', subPath: '../x' }] },
    missing: /leaves the volume/,
  },
  {
    what: 'an absolute subPath',
    change: { volumeMounts: [{ name: 'data', mountPath: '/a', subPath: '/etc' }] },
    missing: /leaves the volume/,
  },
  {
    what: 'a subPathExpr without its variable',
    change: { volumeMounts: [{ name: 'data', mountPath: '/a', subPathExpr: '$(NO)' }] },
    missing: /variable that is not set/,
  },
  {
    what: 'a mount of no volume',
    change: { volumeMounts: [{ name: 'none', mountPath: '/a' }] },
    missing: /no such volume/,
  },
  {
    what: 'a seccomp profile of the node',
    change: { securityContext: { seccompProfile: { type: 'Localhost', localhostProfile: 'x' } } },
    missing: /RuntimeDefault and Unconfined/,
  },
]) {
  t.test(`${what} is refused with a reason`, async t => {
    t.match(resolve(change), { missing })
  })
}
