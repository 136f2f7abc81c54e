import t from 'tap'
import { specHash } from '../../../src/core/pods/spec-hash.ts'
import { aContainer, anObservedContainer, anObservedPod, aPod } from '../../fakes/builders.ts'
import { exit, losePower, plan, podWorld, restartAgent, round, settle, settleInTime } from './pod-world.ts'

const stateOf = (world: ReturnType<typeof podWorld>) =>
  (world.observed?.containers ?? []).map(one => `${one.container} ${one.attempt} ${one.state}`)

t.test('a pod starts round by round, and then there is nothing to do', async t => {
  const world = podWorld(aPod())
  t.strictSame(round(world), [
    'prepare volumes: its volumes are not there',
    'make sandbox: the pod has no sandbox',
    'attach network: the sandbox is new',
  ])
  t.strictSame(round(world), ['write files: its hosts file is not of its address'])
  t.strictSame(round(world), [
    'create container web 0: it is desired and not there',
    'start container web 0: it is desired and not there',
  ])
  t.strictSame(round(world), [])
  t.equal(plan(world).lookAgainAtMs, undefined)
})

t.test('a pod on the host network gets no address', async t => {
  const world = podWorld(aPod({ hostNetwork: true }))
  t.strictSame(settle(world), [
    'prepare volumes',
    'make sandbox',
    'write files',
    'create container web 0',
    'start container web 0',
  ])
})

t.test('an image that is not there is pulled beside the making of the sandbox', async t => {
  const world = podWorld(aPod(), { images: { 'localhost/dunlin/hello:1': { isPresent: false } } })
  world.slow.add('pull image web')
  t.equal(round(world)[0], 'pull image web: the image is not on this node')
  settle(world)
  t.strictSame(stateOf(world), [], 'nothing is made before the image is there')
  world.images = {}
  world.ongoing.clear()
  t.strictSame(settle(world), ['create container web 0', 'start container web 0'])
})

t.test('a pull that failed is tried again when it is due, not before', async t => {
  const failed = { message: 'manifest unknown', tries: 1, retryAtMs: 11_000 }
  const world = podWorld(aPod(), { images: { 'localhost/dunlin/hello:1': { isPresent: false, pull: failed } } })
  t.notOk(settle(world).includes('pull image web'))
  t.equal(plan(world).lookAgainAtMs, 11_000)
  world.ms = 11_000
  t.strictSame(settle(world), ['pull image web', 'create container web 0', 'start container web 0'])
})

t.test('imagePullPolicy Always pulls once for a new entry, and not for what ran here before', async t => {
  const world = podWorld(aPod({ containers: [aContainer({ imagePullPolicy: 'Always' })] }))
  t.ok(settle(world).includes('pull image web'))
  exit(world, 'web', 1)
  t.notOk(settle(world).includes('pull image web'))
  losePower(world, 'memory')
  const again = settle(world)
  t.notOk(again.includes('pull image web'), 'a node without its registry comes back')
  t.ok(again.includes('start container web 2'))
})

t.test('imagePullPolicy Never waits for an image that someone loads', async t => {
  const world = podWorld(aPod({ containers: [aContainer({ imagePullPolicy: 'Never' })] }), {
    images: { 'localhost/dunlin/hello:1': { isPresent: false } },
  })
  settle(world)
  t.strictSame(stateOf(world), [])
  world.images = {}
  t.strictSame(settle(world), ['create container web 0', 'start container web 0'])
})

t.test('a crash loop restarts at once, then after 10 s, 20 s, 40 s, up to five minutes', async t => {
  const world = podWorld(aPod(), { endsWith: { web: 1 } })
  settle(world)
  const waits: number[] = []
  for (let restarts = 0; restarts < 8; restarts += 1) {
    const before = world.ms
    world.ms = plan(world).lookAgainAtMs ?? world.ms
    waits.push((world.ms - before) / 1000)
    settle(world)
  }
  t.strictSame(waits, [10, 20, 40, 80, 160, 300, 300, 300])
  t.strictSame(stateOf(world), ['web 8 exited', 'web 9 exited'], 'only the attempt before the newest is kept')
})

t.test('ten minutes of running forgive every failure before', async t => {
  const world = podWorld(aPod(), { endsWith: { web: 1 } })
  settle(world)
  world.ms = plan(world).lookAgainAtMs ?? 0
  world.endsWith = {}
  settle(world)
  world.ms += 600_000
  exit(world, 'web', 1)
  settle(world)
  t.strictSame(stateOf(world), ['web 2 exited', 'web 3 running'], 'it restarts at once')
})

t.test('init containers run in order, each after the one before has succeeded, once per sandbox', async t => {
  const pod = aPod({ initContainers: [aContainer({ name: 'one' }), aContainer({ name: 'two' })] })
  const world = podWorld(pod, { endsWith: { one: 0 } })
  t.strictSame(settle(world).slice(4), [
    'create container one 0',
    'start container one 0',
    'create container two 0',
    'start container two 0',
  ])
  t.ok(stateOf(world).includes('two 0 running'))
  exit(world, 'two', 0)
  t.strictSame(settle(world), ['create container web 0', 'start container web 0'])
  exit(world, 'web', 1)
  t.notOk(
    settle(world).some(step => /one|two/.test(step)),
    'a restart of the app runs no init container again',
  )
  losePower(world, 'disk')
  t.strictSame(
    settle({ ...world, endsWith: { one: 0, two: 0 } }).filter(step => step.startsWith('start')),
    ['start container one 1', 'start container two 1', 'start container web 2'],
    'a new sandbox does',
  )
})

t.test('a failed init container is tried again with back-off, and ends a pod that never restarts', async t => {
  const inits = [aContainer({ name: 'one' })]
  const world = podWorld(aPod({ initContainers: inits }), { endsWith: { one: 1 } })
  settle(world)
  t.ok(stateOf(world).includes('one 1 exited'))
  t.equal(plan(world).lookAgainAtMs, world.ms + 10_000)
  const never = podWorld(aPod({ initContainers: inits, restartPolicy: 'Never' }), { endsWith: { one: 1 } })
  settle(never)
  t.match(never.memory?.outcome, { phase: 'Failed', message: /init container one failed/ })
  t.strictSame(stateOf(never), ['one 0 exited'])
})

t.test('a sidecar starts before the init containers after it and runs beside the app', async t => {
  const sidecar = aContainer({ name: 'side', restartPolicy: 'Always', startupProbe: { tcpSocket: { port: 80 } } })
  const world = podWorld(aPod({ initContainers: [sidecar, aContainer({ name: 'init' })] }), { endsWith: { init: 0 } })
  settle(world)
  t.strictSame(stateOf(world), ['side 0 running'], 'the next waits for its startup probe')
  world.probes = { side: { attempt: 0, isStarted: true, isReady: true } }
  t.strictSame(
    settle(world).filter(step => step.startsWith('start')),
    ['start container init 0', 'start container web 0'],
  )
  exit(world, 'side', 1)
  t.strictSame(settle(world), ['create container side 1', 'start container side 1'])
})

t.test('a pod that succeeds stops its sidecars and gives its address back', async t => {
  const sidecar = aContainer({ name: 'side', restartPolicy: 'Always' })
  const world = podWorld(aPod({ initContainers: [sidecar], restartPolicy: 'OnFailure' }))
  settle(world)
  exit(world, 'web', 0)
  t.strictSame(round(world), ['stop container side 0: the pod has succeeded'])
  t.strictSame(round(world), ['detach network: the pod has succeeded'])
  t.strictSame(round(world), [])
  t.strictSame(world.memory?.outcome, { phase: 'Succeeded' })
})

for (const { policy, code, restarts } of [
  { policy: 'Always', code: 0, restarts: true },
  { policy: 'Always', code: 1, restarts: true },
  { policy: 'OnFailure', code: 0, restarts: false },
  { policy: 'OnFailure', code: 1, restarts: true },
  { policy: 'Never', code: 0, restarts: false },
  { policy: 'Never', code: 1, restarts: false },
]) {
  t.test(`restartPolicy ${policy}: exit code ${code} ${restarts ? 'restarts' : 'does not restart'}`, async t => {
    const world = podWorld(aPod({ restartPolicy: policy }))
    settle(world)
    exit(world, 'web', code)
    t.equal(settle(world).includes('start container web 1'), restarts)
    t.equal(world.memory?.outcome?.phase, restarts ? undefined : code === 0 ? 'Succeeded' : 'Failed')
  })
}

t.test('a pod that never restarts is failed by a power loss, and not run again', async t => {
  for (const store of ['disk', 'memory'] as const) {
    const world = podWorld(aPod({ restartPolicy: 'Never' }))
    settle(world)
    losePower(world, store)
    t.notOk(
      settle(world).some(step => step.startsWith('start')),
      store,
    )
    t.equal(world.memory?.outcome?.phase, 'Failed')
  }
})

t.test('after a power loss everything is made anew, without back-off', async t => {
  for (const store of ['disk', 'memory'] as const) {
    const world = podWorld(aPod())
    settle(world)
    losePower(world, store)
    const steps = settle(world)
    t.ok(steps.includes('start container web 1'), store)
    t.equal(world.memory?.containers['web']?.attempt, 1, 'it counts as a restart')
  }
})

t.test('a new agent adopts a running container with the desired hash and touches nothing', async t => {
  const world = podWorld(aPod())
  settle(world)
  restartAgent(world)
  t.strictSame(round(world), [])
  world.memory = undefined
  t.strictSame(settle(world), ['write files'], 'even when its memory is lost, no container is touched')
})

t.test('a container made but not started by a killed agent is started', async t => {
  const pod = aPod()
  const made = anObservedContainer({ state: 'created', specHash: specHash(pod, aContainer()), startedAt: undefined })
  const world = podWorld(pod, {
    observed: anObservedPod({ containers: [made] }),
    address: '10.64.0.2',
    volumes: 'ready',
  })
  t.strictSame(settle(world), ['write files', 'start container web 0'])
})

t.test('a changed image restarts that container alone', async t => {
  const before = aPod({ containers: [aContainer(), aContainer({ name: 'other' })] })
  const world = podWorld(before)
  settle(world)
  world.desired = aPod({
    containers: [aContainer({ image: 'localhost/dunlin/hello:2' }), aContainer({ name: 'other' })],
  })
  t.strictSame(round(world), ['stop container web 0: its spec has changed'])
  t.strictSame(round(world), [
    'create container web 1: its spec has changed',
    'start container web 1: its spec has changed',
  ])
  t.strictSame(round(world), [])
  t.strictSame(stateOf(world), ['web 0 exited', 'other 0 running', 'web 1 running'])
})

t.test('a changed ConfigMap is written anew and restarts nothing', async t => {
  const world = podWorld(aPod())
  settle(world)
  world.volumes = 'stale'
  t.strictSame(round(world), ['prepare volumes: the content of its volumes has changed'])
  t.strictSame(round(world), [])
})

t.test('a container that fails its liveness probe is stopped and comes back', async t => {
  const world = podWorld(aPod())
  settle(world)
  world.probes = { web: { attempt: 0, isStarted: true, isReady: false, failure: 'Liveness probe failed: HTTP 500' } }
  t.strictSame(round(world), ['stop container web 0: Liveness probe failed: HTTP 500'])
  t.strictSame(settle(world), ['create container web 1', 'start container web 1'])
})

t.test('a container whose monitor died is removed and made again', async t => {
  const world = podWorld(aPod())
  settle(world)
  if (world.observed)
    world.observed = {
      ...world.observed,
      containers: world.observed.containers.map(one => ({ ...one, state: 'lost' as const })),
    }
  t.strictSame(settle(world), ['remove container web 0', 'create container web 1', 'start container web 1'])
})

t.test('a deleted pod waits for its endpoints to leave, then hook, signal, and everything goes', async t => {
  const lifecycle = { preStop: { exec: { command: ['true'] } } }
  const world = podWorld(aPod({ containers: [aContainer({ lifecycle })] }))
  settle(world)
  world.desired = aPod(world.desired?.spec, {
    deletionTimestamp: '2026-01-01T00:00:00Z',
    deletionGracePeriodSeconds: 30,
  })
  const began = world.ms
  t.strictSame(round(world), [])
  t.equal(plan(world).lookAgainAtMs, began + 2000)
  world.ms += 2000
  t.strictSame(plan(world).steps, [
    { action: 'run preStop', container: 'web', attempt: 0, timeoutSeconds: 28, reason: 'the pod is deleted' },
  ])
  round(world)
  world.ms += 5000
  t.strictSame(plan(world).steps, [
    { action: 'stop container', container: 'web', attempt: 0, graceSeconds: 23, reason: 'the pod is deleted' },
  ])
  t.strictSame(settle(world), [
    'stop container web 0',
    'remove container web 0',
    'detach network',
    'remove sandbox',
    'remove volumes',
  ])
  t.ok(plan(world).isGone)
})

t.test('a hook that takes the whole grace period leaves two seconds for the signal', async t => {
  const lifecycle = { preStop: { exec: { command: ['sleep', '99'] } } }
  const spec = { containers: [aContainer({ lifecycle })] }
  const world = podWorld(aPod(spec), { slow: new Set(['run preStop web 0']) })
  settle(world)
  world.desired = aPod(spec, { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 10 })
  round(world)
  world.ms += 2000
  round(world)
  world.ms += 20_000
  t.match(plan(world).steps, [{ action: 'stop container', graceSeconds: 2 }])
})

t.test('a deletion without grace kills at once, also where a longer one is under way', async t => {
  const world = podWorld(aPod(), { slow: new Set(['stop container web 0']) })
  settle(world)
  world.desired = aPod({}, { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 30 })
  round(world)
  world.ms += 2000
  round(world)
  t.strictSame(round(world), [], 'the stop is under way')
  world.slow.clear()
  world.desired = aPod({}, { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 })
  t.match(plan(world).steps, [{ action: 'stop container', graceSeconds: 0 }])
})

t.test('apps end first, then sidecars, the last one first', async t => {
  const sidecar = (name: string) => aContainer({ name, restartPolicy: 'Always' })
  const spec = {
    initContainers: [sidecar('first'), sidecar('second')],
    containers: [aContainer(), aContainer({ name: 'app' })],
  }
  const world = podWorld(aPod(spec))
  settle(world)
  world.desired = aPod(spec, { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 30 })
  const stops = settleInTime(world).filter(step => step.startsWith('stop'))
  t.strictSame(stops, [
    'stop container web 0',
    'stop container app 0',
    'stop container second 0',
    'stop container first 0',
  ])
})

t.test('a pod that left the assignment ends like a deleted one, with the grace it had', async t => {
  const world = podWorld(aPod({ terminationGracePeriodSeconds: 7 }))
  settle(world)
  world.desired = undefined
  settle(world)
  world.ms += 2000
  t.match(plan(world).steps, [
    { action: 'stop container', graceSeconds: 5, reason: 'the pod is not assigned to this node' },
  ])
  settleInTime(world)
  t.equal(world.observed, undefined)
  t.equal(world.address, undefined)
})

t.test('a pod past its activeDeadlineSeconds is stopped and failed', async t => {
  const world = podWorld(aPod({ activeDeadlineSeconds: 60 }))
  settle(world)
  t.equal(plan(world).lookAgainAtMs, 61_000)
  world.ms += 60_000
  t.strictSame(settle(world), ['stop container web 0', 'detach network'])
  t.match(world.memory?.outcome, { phase: 'Failed', reason: 'DeadlineExceeded' })
})

t.test('the next app container waits for the postStart hook of the one before', async t => {
  const lifecycle = { postStart: { exec: { command: ['true'] } } }
  const world = podWorld(aPod({ containers: [aContainer({ lifecycle }), aContainer({ name: 'next' })] }), {
    slow: new Set(['run postStart web 0']),
  })
  settle(world)
  t.strictSame(stateOf(world), ['web 0 running'])
  world.slow.clear()
  world.ongoing.clear()
  t.strictSame(settle(world), ['run postStart web 0', 'create container next 0', 'start container next 0'])
})
