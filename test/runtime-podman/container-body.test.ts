import t from 'tap'
import type { ContainerSpec, SandboxSpec } from '../../src/core/pods/runtime.ts'
import { containerBody } from '../../src/runtime-podman/container-body.ts'
import { fullReference, pauseContainer } from '../../src/runtime-podman/names.ts'
import { parseListed } from '../../src/runtime-podman/observed.ts'
import { sysctlWrites } from '../../src/runtime-podman/sandbox/sysctls.ts'
import { aContainer, aSandbox } from '../fakes/container-spec.ts'

const bodyOf = (
  change: Partial<ContainerSpec> = {},
  sandbox: Partial<SandboxSpec> = {},
  context: { readonly imageUser?: string; readonly facts?: object } = {},
) =>
  containerBody(aContainer(change), {
    sandbox: aSandbox(sandbox),
    folder: '/run/dunlin/pods/uid-1',
    terminationFile: '/run/dunlin/pods/uid-1/c/main-0/termination',
    logPath: '/var/log/0.log',
    cgroupParent: '/dunlin/poduid-1',
    imageUser: context.imageUser ?? '',
    facts: { hasSysResource: true, hasMemoryCgroup: true, hasSwapCgroup: true, oomScoreAdj: 0, ...context.facts },
  })

const security = (change: Partial<ContainerSpec['security']>) => ({ security: { ...aContainer().security, ...change } })

t.test('a container that is fine', async t => {
  t.matchSnapshot(JSON.stringify(bodyOf(), undefined, 2))
})

t.test('namespaces are joined by path, unless the host or a holder has them', async t => {
  const path = (name: string) => ({ nsmode: 'path', value: `/run/dunlin/pods/uid-1/${name}` })
  const host = { nsmode: 'host' }
  t.match(bodyOf(), { netns: path('net'), utsns: path('uts'), ipcns: path('ipc'), pidns: undefined })
  t.match(bodyOf({}, { hostNetwork: true }), { netns: host, utsns: host, ipcns: path('ipc') })
  t.match(bodyOf({}, { hostIPC: true }), { ipcns: host, mounts: [{ source: '/dev/shm', destination: '/dev/shm' }] })
  t.match(bodyOf({}, { hostPID: true }), { pidns: host })
  t.match(bodyOf({}, { shareProcessNamespace: true }), { pidns: path('pid') })
  t.match(bodyOf({ container: pauseContainer }, { shareProcessNamespace: true }), { pidns: undefined })
})

t.test('command and arguments replace what Kubernetes says they replace', async t => {
  t.match(bodyOf({ command: [], args: [] }), { entrypoint: undefined, command: undefined })
  t.match(bodyOf({ command: [], args: ['x'] }), { entrypoint: undefined, command: ['x'] })
  t.match(bodyOf({ command: ['c'], args: ['x'] }), { entrypoint: ['c'], command: ['x'] })
})

t.test("users: the spec's, or the image's with the spec's group", async t => {
  const userOf = (change: Partial<ContainerSpec['security']>, imageUser = '') =>
    bodyOf(security(change), {}, { imageUser })['user']
  t.equal(userOf({}), undefined)
  t.equal(userOf({ user: 5 }), '5')
  t.equal(userOf({ user: 5, group: 6 }), '5:6')
  t.equal(userOf({ group: 6 }), '0:6')
  t.equal(userOf({ group: 6 }, 'web:staff'), 'web:6')
})

t.test('privileged lifts seccomp and the ban on new privileges', async t => {
  t.match(bodyOf(security({ privileged: true, allowPrivilegeEscalation: false, seccompUnconfined: false })), {
    privileged: true,
    no_new_privileges: false,
    seccomp_profile_path: 'unconfined',
  })
  t.match(bodyOf(security({ allowPrivilegeEscalation: false, seccompUnconfined: false })), {
    no_new_privileges: true,
    seccomp_profile_path: undefined,
  })
})

t.test('limits that the machine cannot keep are refused or met as near as can be', async t => {
  const memory = { resources: { memoryLimit: 1000, cpuShares: 2 } }
  t.match(bodyOf(memory), { resource_limits: { memory: { limit: 1000, swap: 1000 } } })
  t.match(bodyOf(memory, {}, { facts: { hasSwapCgroup: false } }), { resource_limits: { memory: { swap: undefined } } })
  t.throws(() => bodyOf(memory, {}, { facts: { hasMemoryCgroup: false } }), /cgroup_enable=memory/)
  const score = { resources: { cpuShares: 2, oomScoreAdj: -997 } }
  t.match(bodyOf(score), { oom_score_adj: -997 })
  t.match(bodyOf(score, {}, { facts: { hasSysResource: false, oomScoreAdj: 200 } }), { oom_score_adj: 200 })
})

t.test('a volume of the pod wins over a file of ours', async t => {
  const mounts = [{ source: '/x', destination: '/etc/hosts', readOnly: true, propagation: 'rslave' as const }]
  t.match(bodyOf({ mounts }), {
    mounts: [
      { destination: '/dev/shm' },
      { destination: '/etc/resolv.conf' },
      { destination: '/etc/hostname' },
      { destination: '/dev/termination-log' },
      { type: 'bind', source: '/x', destination: '/etc/hosts', options: ['rbind', 'ro', 'rslave'] },
    ],
  })
})

t.test('signals are numbers to the engine', async t => {
  for (const [name, number] of [
    ['SIGINT', 2],
    ['QUIT', 3],
    ['15', 15],
  ] as const)
    t.match(bodyOf({ stopSignal: name }), { stop_signal: number })
  t.throws(() => bodyOf({ stopSignal: 'SIGNONSENSE' }), /is no signal of Linux/)
})

t.test('image names are what Kubernetes means by them', async t => {
  const digest = `sha256:${'a'.repeat(64)}`
  const cases = {
    nginx: 'docker.io/library/nginx:latest',
    'nginx:1': 'docker.io/library/nginx:1',
    'user/app': 'docker.io/user/app:latest',
    [`user/app@${digest}`]: `docker.io/user/app@${digest}`,
    'localhost/a': 'localhost/a:latest',
    'registry:5000/a:1': 'registry:5000/a:1',
    'ghcr.io/a/b': 'ghcr.io/a/b:latest',
    [digest]: digest,
  }
  for (const [name, full] of Object.entries(cases)) t.equal(fullReference(name), full)
})

t.test('sysctls of the pod become files; those of the host are refused', async t => {
  const writes = (sysctls: SandboxSpec['sysctls'], change: Partial<SandboxSpec> = {}) =>
    sysctlWrites(aSandbox({ sysctls, ...change }))
  t.strictSame(writes({ 'net.core.somaxconn': '1' }), [{ path: '/proc/sys/net/core/somaxconn', value: '1' }])
  t.strictSame(writes({ 'fs.mqueue.msg_max': '1' }), [{ path: '/proc/sys/fs/mqueue/msg_max', value: '1' }])
  for (const name of ['vm.swappiness', 'kernel.hostname', 'net', 'net..x', 'net./etc/passwd', 'kernel.shmallx'])
    t.throws(() => writes({ [name]: '1' }), /does not belong to a namespace of the pod/)
  t.throws(() => writes({ 'net.core.somaxconn': '1' }, { hostNetwork: true }))
  t.throws(() => writes({ 'kernel.sem': '1' }, { hostIPC: true }))
})

t.test('a container without our labels is not ours', async t => {
  const listed = {
    Id: 'a',
    State: 'running',
    Labels: { 'dunlin.io/uid': 'u', 'dunlin.io/container': 'c', 'dunlin.io/attempt': '2' },
  }
  t.match(parseListed(listed), { podUid: 'u', container: 'c', attempt: 2, engineState: 'running' })
  t.equal(parseListed({ ...listed, Labels: null }), undefined)
  t.equal(parseListed({ ...listed, Labels: { ...listed.Labels, 'dunlin.io/attempt': 'x' } }), undefined)
  t.throws(() => parseListed('a'), /answered nonsense/)
  t.throws(() => parseListed({ ...listed, Id: 7 }), /answered nonsense/)
})
