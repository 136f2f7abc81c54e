import t from 'tap'
import type { ContainerStatus, PodStatus } from '../../../src/api/types.ts'
import { podStatus } from '../../../src/core/pods/status.ts'
import { aContainer, aPod } from '../../fakes/builders.ts'
import { exit, factsOf, losePower, nowOf, type PodWorld, plan, podWorld, round, settle } from './pod-world.ts'

const statusOf = (world: PodWorld): PodStatus => {
  const made = podStatus({
    desired: world.desired ?? aPod(),
    observed: world.observed,
    memory: plan(world).memory,
    facts: factsOf(world),
    hostIPs: ['192.168.1.7'],
    now: nowOf(world),
  })
  world.memory = made.memory
  return made.status
}

const web = (world: PodWorld): ContainerStatus | undefined => statusOf(world).containerStatuses?.[0]

const condition = (status: PodStatus, type: string) => status.conditions?.find(one => one.type === type)

t.test('a pod that was just assigned is Pending, and says what it waits for', async t => {
  const status = statusOf(podWorld(aPod()))
  t.match(status, { phase: 'Pending', qosClass: 'BestEffort', hostIP: '192.168.1.7', podIP: undefined })
  t.match(status.containerStatuses, [
    { ready: false, restartCount: 0, started: false, state: { waiting: { reason: 'ContainerCreating' } } },
  ])
  t.strictSame(
    status.conditions?.map(one => `${one.type} ${one.status}`),
    [
      'PodScheduled True',
      'PodReadyToStartContainers False',
      'Initialized True',
      'ContainersReady False',
      'Ready False',
    ],
  )
  t.equal(condition(status, 'Ready')?.message, 'containers with unready status: [web]')
})

t.test('a pod whose containers run is Running and Ready, with its address', async t => {
  const world = podWorld(aPod({}, { generation: 3 }))
  settle(world)
  const status = statusOf(world)
  t.match(status, { phase: 'Running', podIP: '10.64.0.2', podIPs: [{ ip: '10.64.0.2' }], observedGeneration: 3 })
  t.ok(status.conditions?.every(one => one.status === 'True'))
  t.match(status.containerStatuses, [
    { ready: true, started: true, containerID: 'podman://web-0', state: { running: { startedAt: /^2026/ } } },
  ])
})

t.test('conditions keep the time of their last change', async t => {
  const world = podWorld(aPod())
  settle(world)
  const before = statusOf(world)
  world.ms += 60_000
  t.strictSame(statusOf(world).conditions, before.conditions)
  exit(world, 'web', 1)
  const after = statusOf(world)
  t.not(condition(after, 'Ready')?.lastTransitionTime, condition(before, 'Ready')?.lastTransitionTime)
  t.equal(condition(after, 'Initialized')?.lastTransitionTime, condition(before, 'Initialized')?.lastTransitionTime)
})

for (const { how, more, code, reason } of [
  { how: 'with success', code: 0, more: {}, reason: 'Completed' },
  { how: 'with an error', code: 3, more: { terminationMessage: 'no config' }, reason: 'Error' },
  { how: 'out of memory', code: 137, more: { oomKilled: true }, reason: 'OOMKilled' },
]) {
  t.test(`a container that ended ${how} is terminated with reason ${reason}`, async t => {
    const world = podWorld(aPod({ restartPolicy: 'Never' }))
    settle(world)
    exit(world, 'web', code, more)
    settle(world)
    const message = 'terminationMessage' in more ? more.terminationMessage : undefined
    t.match(web(world), { state: { terminated: { exitCode: code, reason, message } }, ready: false })
    t.equal(statusOf(world).phase, code === 0 ? 'Succeeded' : 'Failed')
  })
}

t.test('a crash loop says CrashLoopBackOff, with how the last attempt ended', async t => {
  const world = podWorld(aPod(), { endsWith: { web: 2 } })
  settle(world)
  t.match(web(world), {
    state: {
      waiting: {
        reason: 'CrashLoopBackOff',
        message: 'back-off 10s restarting failed container=web pod=hello_default(uid-1)',
      },
    },
    lastState: { terminated: { exitCode: 2, reason: 'Error' } },
    restartCount: 1,
  })
  t.equal(statusOf(world).phase, 'Running')
})

t.test('a container that came back shows how the one before ended', async t => {
  const world = podWorld(aPod())
  settle(world)
  exit(world, 'web', 7)
  settle(world)
  t.match(web(world), {
    state: { running: {} },
    lastState: { terminated: { exitCode: 7 } },
    restartCount: 1,
    ready: true,
  })
})

t.test('an end that nobody saw is ContainerStatusUnknown', async t => {
  const world = podWorld(aPod())
  settle(world)
  losePower(world, 'memory')
  t.match(web(world), {
    state: { waiting: { reason: 'ContainerCreating' } },
    lastState: { terminated: { reason: 'ContainerStatusUnknown', exitCode: 137 } },
  })
})

for (const { tries, reason, message } of [
  { tries: 1, reason: 'ErrImagePull', message: 'manifest unknown' },
  {
    tries: 2,
    reason: 'ImagePullBackOff',
    message: 'Back-off pulling image "localhost/dunlin/hello:1": manifest unknown',
  },
]) {
  t.test(`an image that cannot be pulled, try ${tries}, is ${reason}`, async t => {
    const pull = { message: 'manifest unknown', tries, retryAtMs: 1e9 }
    const world = podWorld(aPod(), { images: { 'localhost/dunlin/hello:1': { isPresent: false, pull } } })
    settle(world)
    t.strictSame(web(world)?.state, { waiting: { reason, message } })
    t.equal(statusOf(world).phase, 'Pending')
  })
}

t.test('an image that is not there and must not be pulled is ErrImageNeverPull', async t => {
  const world = podWorld(aPod({ containers: [aContainer({ imagePullPolicy: 'Never' })] }), {
    images: { 'localhost/dunlin/hello:1': { isPresent: false } },
  })
  settle(world)
  t.match(web(world)?.state, { waiting: { reason: 'ErrImageNeverPull' } })
})

t.test('a container that cannot be made says why', async t => {
  const world = podWorld(aPod())
  for (let rounds = 0; rounds < 2; rounds += 1) round(world)
  const trouble = {
    reason: 'CreateContainerConfigError',
    message: 'configmap "settings" not found',
    tries: 1,
    retryAtMs: 1e9,
  }
  if (world.memory) world.memory = { ...world.memory, containers: { web: { attempt: -1, trouble } } }
  t.strictSame(settle(world), [])
  t.strictSame(web(world)?.state, {
    waiting: { reason: 'CreateContainerConfigError', message: 'configmap "settings" not found' },
  })
})

t.test('volumes that cannot be made are told by the condition and the containers', async t => {
  const world = podWorld(aPod())
  const trouble = { reason: 'FailedMount', message: 'secret "key" not found', tries: 1, retryAtMs: 1e9 }
  world.memory = { ...plan(world).memory, trouble }
  t.strictSame(settle(world), [])
  const status = statusOf(world)
  t.match(condition(status, 'PodReadyToStartContainers'), { status: 'False', reason: 'FailedMount', message: /secret/ })
  t.match(status.containerStatuses, [{ state: { waiting: { reason: 'ContainerCreating', message: /secret "key"/ } } }])
})

t.test('while init containers run the pod is Pending and its apps are PodInitializing', async t => {
  const world = podWorld(aPod({ initContainers: [aContainer({ name: 'init' })] }))
  settle(world)
  const status = statusOf(world)
  t.match(status, { phase: 'Pending', initContainerStatuses: [{ name: 'init', ready: false, state: { running: {} } }] })
  t.match(status.containerStatuses, [{ state: { waiting: { reason: 'PodInitializing' } } }])
  t.match(condition(status, 'Initialized'), {
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: /\[init\]/,
  })
  exit(world, 'init', 0)
  settle(world)
  const after = statusOf(world)
  t.match(after, {
    phase: 'Running',
    initContainerStatuses: [{ ready: true, state: { terminated: { reason: 'Completed' } } }],
  })
  t.equal(condition(after, 'Initialized')?.status, 'True')
})

t.test('readiness is what the probe says, and what it said to the agent before', async t => {
  const world = podWorld(aPod({ containers: [aContainer({ readinessProbe: { tcpSocket: { port: 80 } } })] }))
  settle(world)
  t.equal(web(world)?.ready, false, 'no probe has answered yet')
  world.probes = { web: { attempt: 0, isStarted: true, isReady: true } }
  t.equal(web(world)?.ready, true)
  world.probes = {}
  const containers = { web: { attempt: 0, probed: { attempt: 0, isStarted: true, isReady: true } } }
  if (world.memory) world.memory = { ...world.memory, containers }
  t.equal(web(world)?.ready, true)
})

t.test('a deleted pod whose containers have ended has the phase of their exit codes', async t => {
  const world = podWorld(aPod())
  settle(world)
  world.desired = aPod({}, { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 30 })
  round(world)
  exit(world, 'web', 0)
  t.equal(statusOf(world).phase, 'Succeeded')
})

for (const { resources, qos } of [
  { resources: undefined, qos: 'BestEffort' },
  { resources: { limits: { cpu: '1', memory: '64Mi' } }, qos: 'Guaranteed' },
  {
    resources: { limits: { cpu: '1', memory: '64Mi' }, requests: { cpu: '1000m', memory: '64Mi' } },
    qos: 'Guaranteed',
  },
  { resources: { limits: { cpu: '1', memory: '64Mi' }, requests: { cpu: '500m' } }, qos: 'Burstable' },
  { resources: { requests: { memory: '1Mi' } }, qos: 'Burstable' },
]) {
  t.test(`the class of ${JSON.stringify(resources)} is ${qos}`, async t => {
    t.equal(statusOf(podWorld(aPod({ containers: [aContainer({ resources })] }))).qosClass, qos)
  })
}
