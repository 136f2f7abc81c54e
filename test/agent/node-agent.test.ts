import t from 'tap'
import { Fault } from '../../src/api/fault.ts'
import { aConfigMap, aContainer, anAssignment, aPod } from '../fakes/builders.ts'
import { anAgent } from './an-agent.ts'

const hello = anAssignment({ pods: [aPod()] })
const phaseOf = (agent: Awaited<ReturnType<typeof anAgent>>, uid = 'uid-1') => agent.link.pods.get(uid)?.status?.phase

t.test('an assigned pod runs, and the hub hears of it', async t => {
  const agent = await anAgent(t)
  agent.link.connect()
  agent.link.assign(hello)
  await agent.pass(3)
  t.strictSame(agent.steps(), ['sandbox uid-1', 'create uid-1/web/0', 'start uid-1/web/0'])
  t.equal(phaseOf(agent), 'Running')
  t.equal(agent.link.pods.get('uid-1')?.status?.podIP, '10.64.0.2')
  t.match(agent.runtime.sandboxFiles('uid-1'), {
    hosts: /10\.64\.0\.2\thello/,
    resolvConf:
      'nameserver 10.96.0.10\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5 timeout:1 attempts:5\n',
  })
  t.match(agent.network.podStates.get('uid-1'), { ready: true, terminating: false })
  t.ok(agent.link.told.some(event => event.reason === 'Started'))
})

t.test('nothing is touched before there is an assignment', async t => {
  const agent = await anAgent(t)
  agent.link.connect()
  agent.link.assign(hello)
  await agent.pass(3)
  agent.steps()
  await agent.agent.close()
  const { link } = agent
  Object.assign(link, { assignment: () => undefined })
  agent.link.disconnect()
  await agent.restart()
  await agent.pass(400)
  t.strictSame(agent.steps(), [])
})

t.test('an agent that is started again adopts everything and restarts nothing', async t => {
  const agent = await anAgent(t, { assignment: hello })
  agent.steps()
  for (let times = 0; times < 3; times += 1) {
    await agent.restart()
    t.strictSame(agent.steps(), [], 'without a hub')
  }
  agent.link.connect()
  await agent.pass(3)
  t.strictSame(agent.steps(), [], 'with a hub')
  t.equal(phaseOf(agent), 'Running')
})

for (const storeMode of ['disk', 'memory'] as const) {
  t.test(`after a power loss the pods run again without a hub, store ${storeMode}`, async t => {
    const pods = [aPod({ initContainers: [aContainer({ name: 'init', command: ['true'] })] })]
    const agent = await anAgent(t, { assignment: anAssignment({ pods }), storeMode })
    await agent.pass(5)
    agent.steps()
    await agent.reboot()
    const started = agent.steps().filter(step => step.startsWith('start'))
    t.strictSame(started, ['start uid-1/init/1', 'start uid-1/web/1'])
    agent.link.connect()
    await agent.pass(3)
    t.equal(phaseOf(agent), 'Running')
    t.equal(agent.link.pods.get('uid-1')?.status?.podIP, '10.64.0.2', 'with the address it had')
  })
}

t.test('a deleted pod ends, leaves nothing behind, and is reported gone', async t => {
  const pod = aPod({ volumes: [{ name: 'data', emptyDir: {} }] })
  const agent = await anAgent(t, { assignment: anAssignment({ pods: [pod] }) })
  agent.link.connect()
  await agent.pass(3)
  agent.steps()
  agent.link.assign(
    anAssignment({
      pods: [aPod(pod.spec, { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 30 })],
    }),
  )
  await agent.settle()
  t.match(agent.network.podStates.get('uid-1'), { ready: false, serving: true, terminating: true })
  t.strictSame(agent.steps(), [], 'its endpoints leave first')
  await agent.pass(3)
  t.strictSame(agent.steps(), ['stop uid-1/web/0 within 28 s', 'remove uid-1/web/0', 'remove sandbox uid-1'])
  t.equal(agent.link.pods.has('uid-1'), false)
  t.ok(agent.link.reports.some(report => report.pods?.some(one => one.uid === 'uid-1' && one.gone)))
  t.equal(agent.network.attached().size, 0)
})

t.test('a pod that is no longer assigned ends too', async t => {
  const agent = await anAgent(t, { assignment: hello })
  agent.link.assign(anAssignment({ pods: [] }))
  await agent.pass(4)
  t.strictSame(agent.steps().slice(-2), ['remove uid-1/web/0', 'remove sandbox uid-1'])
})

t.test('a container that ends comes back, and the restart is counted', async t => {
  const agent = await anAgent(t, { assignment: hello })
  agent.link.connect()
  agent.runtime.exit({ podUid: 'uid-1', container: 'web', attempt: 0 }, { exitCode: 1 })
  await agent.pass(3)
  t.match(agent.link.pods.get('uid-1')?.status?.containerStatuses, [
    { restartCount: 1, ready: true, lastState: { terminated: { exitCode: 1 } } },
  ])
})

t.test('an image that cannot be pulled is told and tried again, and the pod runs once it can', async t => {
  const agent = await anAgent(t, { assignment: hello, images: [] })
  agent.link.connect()
  await agent.pass(3)
  t.match(agent.link.pods.get('uid-1')?.status?.containerStatuses, [
    { state: { waiting: { reason: 'ErrImagePull', message: /manifest unknown/ } } },
  ])
  agent.runtime.offerImage('localhost/dunlin/hello:1')
  await agent.pass(20)
  t.equal(phaseOf(agent), 'Running')
})

t.test('a missing ConfigMap is told, and its coming starts the pod at once', async t => {
  const env = [{ name: 'COLOR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'COLOR' } } }]
  const pods = [aPod({ containers: [aContainer({ env })] })]
  const agent = await anAgent(t, { assignment: anAssignment({ pods }) })
  agent.link.connect()
  await agent.pass(3)
  t.match(agent.link.pods.get('uid-1')?.status?.containerStatuses, [
    { state: { waiting: { reason: 'CreateContainerConfigError', message: 'configmap "settings" not found' } } },
  ])
  agent.link.assign(anAssignment({ pods, configMaps: [aConfigMap('settings', { COLOR: 'red' })] }))
  await agent.settle()
  t.match(agent.runtime.spec({ podUid: 'uid-1', container: 'web', attempt: 0 })?.env, { COLOR: 'red' })
})

t.test('a changed ConfigMap restarts nothing', async t => {
  const env = [{ name: 'COLOR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'COLOR' } } }]
  const pods = [
    aPod({
      containers: [aContainer({ env, volumeMounts: [{ name: 'settings', mountPath: '/settings' }] })],
      volumes: [{ name: 'settings', configMap: { name: 'settings' } }],
    }),
  ]
  const agent = await anAgent(t, {
    assignment: anAssignment({ pods, configMaps: [aConfigMap('settings', { COLOR: 'red' })] }),
  })
  agent.steps()
  const changed = aConfigMap('settings', { COLOR: 'blue' })
  agent.link.assign(
    anAssignment({ pods, configMaps: [{ ...changed, metadata: { ...changed.metadata, resourceVersion: '2' } }] }),
  )
  await agent.pass(10)
  t.strictSame(agent.steps(), [])
})

t.test('an engine that is away makes the node not ready, and nothing is reported that was not seen', async t => {
  const agent = await anAgent(t)
  agent.link.connect()
  await agent.pass(1)
  agent.runtime.breakDown(new Fault('Machine', 'podman is not installed'))
  await agent.restart()
  agent.link.connect()
  agent.link.assign(hello)
  await agent.pass(40)
  t.match(
    agent.link.node?.conditions.find(one => one.type === 'Ready'),
    { status: 'False', reason: 'ContainerRuntimeNotReady', message: /podman is not installed/ },
  )
  t.equal(agent.link.pods.size, 0)
  t.ok(agent.link.reports.every(report => report.presentPodUids === undefined))
  agent.runtime.breakDown(undefined)
  await agent.pass(70)
  t.equal(phaseOf(agent), 'Running')
  t.equal(agent.link.node?.conditions.find(one => one.type === 'Ready')?.status, 'True')
})

t.test('what changes without a hub is told when it is back: the newest, once', async t => {
  const agent = await anAgent(t, { assignment: hello })
  agent.link.connect()
  await agent.pass(3)
  agent.link.disconnect()
  agent.runtime.exit({ podUid: 'uid-1', container: 'web', attempt: 0 }, { exitCode: 1 })
  await agent.pass(10)
  const before = agent.link.reports.length
  agent.link.connect()
  await agent.pass(3)
  const after = agent.link.reports.slice(before)
  t.equal(after.filter(report => report.pods?.some(one => one.uid === 'uid-1')).length, 1)
  t.strictSame(after.find(report => report.presentPodUids)?.presentPodUids, ['uid-1'])
  t.equal(agent.link.pods.get('uid-1')?.status?.containerStatuses?.[0]?.restartCount, 1)
})

t.test('a network that cannot attach is told as the reason, and tried again', async t => {
  const agent = await anAgent(t)
  agent.network.failAttach(new Fault('Unavailable', 'no address is free in 10.64.0.0/25'))
  agent.link.connect()
  agent.link.assign(hello)
  await agent.pass(5)
  const status = agent.link.pods.get('uid-1')?.status
  t.match(
    status?.conditions?.find(one => one.type === 'PodReadyToStartContainers'),
    {
      status: 'False',
      reason: 'FailedCreatePodSandBox',
      message: /no address is free/,
    },
  )
  agent.network.failAttach(undefined)
  await agent.pass(60)
  t.equal(phaseOf(agent), 'Running')
})

t.test('a step that fails anywhere on the way is tried again, and the pod runs in the end', async t => {
  for (const step of ['sandbox', 'create', 'start']) {
    const agent = await anAgent(t)
    agent.runtime.failOnce(step, new Fault('Runtime', `${step} failed`))
    agent.link.connect()
    agent.link.assign(hello)
    await agent.pass(15)
    t.equal(phaseOf(agent), 'Running', step)
  }
})

t.test('a cold boot at 1970 runs the pods, and the jump to today restarts nothing and waits for nothing', async t => {
  const pods = [
    aPod({ activeDeadlineSeconds: 3600 }),
    aPod({ containers: [aContainer({ command: ['sh', '-c', 'exit 1'] })] }, { name: 'crash', uid: 'uid-2' }),
  ]
  const agent = await anAgent(t, { assignment: anAssignment({ pods }) })
  agent.wall.offsetMs = -agent.clock.now()
  await agent.reboot()
  agent.link.connect()
  await agent.pass(15)
  t.equal(phaseOf(agent), 'Running')
  t.match(agent.link.pods.get('uid-1')?.status?.containerStatuses, [
    { state: { running: { startedAt: /^1970-01-01T/ } } },
  ])
  agent.steps()
  agent.wall.offsetMs = 0
  await agent.pass(5)
  t.strictSame(
    agent.steps().filter(step => step.includes('uid-1')),
    [],
  )
  t.equal(phaseOf(agent), 'Running', 'its deadline did not pass with the jump')
  const before = agent.link.pods.get('uid-2')?.status?.containerStatuses?.[0]?.restartCount ?? 0
  await agent.pass(60)
  const after = agent.link.pods.get('uid-2')?.status?.containerStatuses?.[0]?.restartCount ?? 0
  t.ok(after > before && after <= before + 3, 'the back-off goes on as it was')
})

t.test('a crash loop is told as events, once for each wait', async t => {
  const pods = [aPod({ containers: [aContainer({ command: ['sh', '-c', 'exit 1'] })] })]
  const agent = await anAgent(t)
  agent.link.connect()
  agent.link.assign(anAssignment({ pods }))
  await agent.pass(40)
  const told = agent.link.told.filter(event => event.reason === 'BackOff')
  t.strictSame(
    told.map(event => `${event.type} ${event.message.slice(0, 12)} ${event.involved.fieldPath}`),
    ['10s', '20s', '40s'].map(wait => `Warning back-off ${wait} spec.containers{web}`),
  )
})

t.test('a disk that is full loses the images that nothing needs, and only those', async t => {
  const agent = await anAgent(t, { assignment: hello, images: ['localhost/dunlin/hello:1', 'old:1'] })
  const disk = { totalBytes: 100, availableBytes: 10, inodes: 100, freeInodes: 100 }
  agent.machine.now = { ...agent.machine.now, disk }
  await agent.pass(40)
  t.strictSame(
    (await agent.runtime.images()).flatMap(image => image.names),
    ['localhost/dunlin/hello:1'],
  )
  agent.runtime.addImage('old:2')
  agent.machine.now = { ...agent.machine.now, disk: { ...disk, availableBytes: 30 } }
  await agent.pass(400)
  t.strictSame((await agent.runtime.images()).length, 2, 'with room, nothing is removed')
})

for (const [moment, hook] of [
  ['the network is made', 'configure'],
  ['the engine is asked', 'observe'],
] as const) {
  t.test(`an assignment that comes while ${moment} at the start is not lost`, async t => {
    const agent = await anAgent(t, { assignment: anAssignment({ pods: [] }) })
    const owner: { [name: string]: unknown } = hook === 'configure' ? { ...agent.network } : { ...agent.runtime }
    const act = owner[hook] as (...words: unknown[]) => Promise<unknown>
    let isFirst = true
    Object.assign(hook === 'configure' ? agent.network : agent.runtime, {
      async [hook](...words: unknown[]) {
        const isNow = isFirst
        isFirst = false
        // It comes in the middle, and is through before the first is.
        if (isNow) {
          agent.link.assign(hello)
          for (let turns = 0; turns < 50; turns += 1) await Promise.resolve()
        }
        return await act(...words)
      },
    })
    await agent.restart(anAssignment({ pods: [] }))
    await agent.pass(3)
    t.ok(agent.steps().includes('start uid-1/web/0'))
  })
}
