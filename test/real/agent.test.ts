import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { helloArchive } from '../../scripts/images.ts'
import { hostAddresses, machineIdentity } from '../../src/agent/node/machine-identity.ts'
import { readMachine, trafficOf } from '../../src/agent/node/read-machine.ts'
import { type NodeAgent, nodeAgent } from '../../src/agent/node-agent.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { jsonLog } from '../../src/lib/log.ts'
import { podNetwork } from '../../src/netproxy/pod-network.ts'
import { podmanRuntime } from '../../src/runtime-podman/podman-runtime.ts'
import { aConfigMap, aContainer, anAssignment, aPod } from '../fakes/builders.ts'
import { type FakeHubLink, fakeHubLink } from '../fakes/hub-link.ts'
import { ownWorld } from '../fleet/own-world.ts'

const world = ownWorld(import.meta.filename)
const { default: t } = await import('tap')

const image = 'localhost/dunlin/hello:1'
const log = jsonLog({ write: line => process.stderr.write(line), level: 'warn', now: Date.now })
const stateFolder = `${world.folder}/agent`
const runFolder = '/run/dunlin'

/** Both ends of the agent are real; the hub is played. */
const start = async (
  link: FakeHubLink,
): Promise<{ readonly agent: NodeAgent; readonly close: () => Promise<void> }> => {
  const runtime = podmanRuntime({
    engine: { stateFolder: `${world.folder}/engine`, cgroupParent: world.cgroupParent },
    runFolder,
    logFolder: `${world.folder}/logs`,
    storeMode: 'disk',
    clock: systemClock,
    log,
  })
  const network = podNetwork({
    stateFolder: `${world.folder}/network`,
    runFolder: `${runFolder}/network`,
    node: { name: 'node-1' },
    clock: systemClock,
    random: Math.random,
    log,
  })
  if ((await runtime.image(image)) === undefined) {
    writeFileSync(`${world.folder}/hello.tar`, helloArchive(image))
    await runtime.loadImage(`${world.folder}/hello.tar`)
  }
  const agent = await nodeAgent({
    link,
    runtime,
    network,
    nodeName: 'node-1',
    stateFolder,
    runFolder,
    machine: await machineIdentity(),
    readMachine: () => readMachine({ stateFolder: world.folder }),
    addresses: hostAddresses,
    traffic: async pid => trafficOf(readFileSync(`/proc/${pid}/net/dev`, 'utf8')),
    hardwareLabels: async () => ({ 'dunlin.io/cpu': 'Cortex-A72' }),
    telemetrySeconds: 1,
    clock: systemClock,
    random: Math.random,
    log,
  })
  await agent.start()
  return {
    agent,
    async close() {
      await agent.close()
      await network.close()
      await runtime.close()
    },
  }
}

const until = async (what: string, isSo: () => boolean): Promise<void> => {
  for (let tries = 0; tries < 900; tries += 1) {
    if (isSo()) return
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  throw new Error(`it did not come to pass within 90 s: ${what}`)
}

const web = aPod({
  terminationGracePeriodSeconds: 1,
  initContainers: [
    aContainer({
      name: 'prepare',
      image,
      command: ['sh', '-c', 'echo "made by init" > /data/index.html'],
      volumeMounts: [{ name: 'data', mountPath: '/data' }],
    }),
  ],
  containers: [
    aContainer({
      name: 'web',
      image,
      command: ['sh', '-c', 'cat /settings/color; echo "$GREETING from $POD_IP"; exec httpd -f -p 8080 -h /data'],
      env: [
        { name: 'GREETING', value: 'hello' },
        { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      ],
      ports: [{ name: 'http', containerPort: 8080 }],
      resources: { limits: { memory: '32Mi', cpu: '500m' } },
      readinessProbe: { httpGet: { path: '/index.html', port: 'http' }, periodSeconds: 1 },
      livenessProbe: { exec: { command: ['test', '-e', '/data/index.html'] }, periodSeconds: 1, failureThreshold: 1 },
      volumeMounts: [
        { name: 'data', mountPath: '/data' },
        { name: 'settings', mountPath: '/settings' },
      ],
    }),
    aContainer({ name: 'side', image, command: ['sh', '-c', "trap 'exit 0' TERM; while :; do sleep 0.1; done"] }),
  ],
  volumes: [
    { name: 'data', emptyDir: {} },
    { name: 'settings', configMap: { name: 'settings' } },
  ],
})

const assignment = anAssignment({ pods: [web], configMaps: [aConfigMap('settings', { color: 'red\n' })] })

t.test('a pod on real Podman and a real network, from nothing to nothing', async t => {
  const link = fakeHubLink({ assignment })
  const first = await start(link)
  link.connect()
  const status = () => link.pods.get('uid-1')?.status
  const isReady = () => status()?.conditions?.some(one => one.type === 'Ready' && one.status === 'True') ?? false
  await until('the pod is ready', isReady)
  const ids = status()?.containerStatuses?.map(one => one.containerID)

  t.test('its init container ran, its probes answer, its environment and volumes are there', async t => {
    t.match(status()?.initContainerStatuses, [{ state: { terminated: { exitCode: 0, reason: 'Completed' } } }])
    const ip = status()?.podIP ?? ''
    const lines: Buffer[] = []
    const asked = { podUid: 'uid-1', namespace: 'default', name: 'hello', container: 'web' }
    const options = { follow: false, previous: false, timestamps: false }
    for await (const chunk of await first.agent.logs({ ...asked, ...options }, new AbortController().signal))
      lines.push(Buffer.from(chunk))
    t.equal(Buffer.concat(lines).toString(), `red\nhello from ${ip}\n`)
    t.equal(await (await fetch(`http://${ip}:8080/index.html`)).text(), 'made by init\n')
  })

  t.test('capacity is what the machine says', async t => {
    const capacity = link.node?.capacity
    t.equal(Number(capacity?.['memory']?.replace('Ki', '')) * 1024, totalmem())
    t.equal(Number(capacity?.['cpu']), navigator.hardwareConcurrency)
    t.equal(link.node?.conditions.find(one => one.type === 'Ready')?.status, 'True')
    t.match(link.node?.nodeInfo, { containerRuntimeVersion: /^podman:\/\/\d/, operatingSystem: 'linux' })
  })

  t.test('usage and telemetry name the pod', async t => {
    await until('usage was told', () => link.telemetryMessages.filter(one => one.what === 'data').length > 2)
    t.ok(link.telemetryMessages.some(one => one.device === 'pod.default.hello' && one.what === 'birth'))
  })

  t.test('a new agent restarts nothing, with and without a hub', async t => {
    await first.close()
    const second = fakeHubLink({ assignment })
    const other = await start(second)
    await other.agent.idle()
    second.connect()
    await until('the hub heard of it', () => second.pods.get('uid-1')?.status !== undefined)
    const now = second.pods.get('uid-1')?.status
    t.strictSame(
      now?.containerStatuses?.map(one => one.containerID),
      ids,
    )
    t.ok(now?.containerStatuses?.every(one => one.restartCount === 0 && one.ready))

    t.test('a liveness probe that fails restarts that container alone', async t => {
      const file = `${stateFolder}/volumes/uid-1/data/index.html`
      renameSync(file, `${file}.gone`)
      const web = () => second.pods.get('uid-1')?.status?.containerStatuses?.find(one => one.name === 'web')
      await until('it is seen', () => web()?.ready === false)
      renameSync(`${file}.gone`, file)
      await until('it was restarted', () => web()?.restartCount === 1)
      await until('it is ready again', () => web()?.ready === true)
      t.equal(second.pods.get('uid-1')?.status?.containerStatuses?.find(one => one.name === 'side')?.restartCount, 0)
    })

    t.test('deleted, it leaves nothing behind', async t => {
      second.assign(
        anAssignment({
          pods: [aPod(web.spec, { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 1 })],
          configMaps: assignment.configMaps,
        }),
      )
      await until('it is gone', () => !second.pods.has('uid-1'))
      t.notOk(existsSync(`${stateFolder}/volumes/uid-1`))
      t.notOk(existsSync(`${runFolder}/volumes/uid-1`))
      t.notOk(existsSync(`${runFolder}/pods/uid-1`))
      await other.close()
    })
  })
})
