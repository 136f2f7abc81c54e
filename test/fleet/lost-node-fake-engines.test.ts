import { randomBytes } from 'node:crypto'
import { connect, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { fetchDocument } from '../../src/agent/fetch-document.ts'
import { enrol } from '../../src/agent/identity/enrol.ts'
import { openIdentity } from '../../src/agent/identity/open-identity.ts'
import { liveMessage } from '../../src/agent/link/link-identity.ts'
import { mqttBus } from '../../src/agent/link/mqtt-bus.ts'
import { openHubLink } from '../../src/agent/link/open-hub-link.ts'
import { nodeAgent } from '../../src/agent/node-agent.ts'
import type { Pod } from '../../src/api/types.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import { aMachine } from '../agent/an-agent.ts'
import { fakePodNetwork } from '../fakes/pod-network.ts'
import { fakeRuntime } from '../fakes/runtime.ts'
import { aWholeHub } from '../hub/a-whole-hub.ts'
import { folderOf } from '../support/folder-of.ts'
import { until } from '../support/until.ts'

/*
 * A whole hub and whole agents over real TLS and MQTT; only the engines and networks are fakes. Each node reaches the hub
 * through a relay of its own, which is its link: cut, nothing goes through, and nobody is told.
 */

const hex = (bytes: number) => randomBytes(bytes).toString('hex')

/** A way to the broker that can be cut and mended. */
const relay = async (t: Test, port: number) => {
  const open = new Set<Socket>()
  let isCut = false
  const server = createServer(inside => {
    if (isCut) return void inside.destroy()
    const outside = connect(port, '127.0.0.1')
    for (const [one, other] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      open.add(one)
      one.on('error', () => {})
      one.on('close', () => {
        open.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const cut = (): void => {
    isCut = true
    for (const one of open) one.resetAndDestroy()
  }
  t.teardown(() => {
    cut()
    server.close()
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    cut,
    mend() {
      isCut = false
    },
  }
}

const aNode = async (
  t: Test,
  of: { readonly folder: string; readonly name: string; readonly token: string; readonly mqttPort: number },
) => {
  const stateFolder = `${of.folder}/${of.name}`
  const link = await relay(t, of.mqttPort)
  const identity = await openIdentity({ stateFolder })
  const { signal } = new AbortController()
  const facts = { nodeName: of.name, hostName: of.name, arch: 'arm64', labels: {}, signal }
  await enrol(identity, { ...facts, token: of.token })
  const own = identity.link()
  const bus = mqttBus({
    addresses: () => [`127.0.0.1:${link.port}`],
    tls: identity.tls,
    node: own.node,
    fleet: own.fleetId,
    will: connection => liveMessage({ identity: own, connection, up: false, now: Date.now() }),
    clock: systemClock,
    random: () => 0.05,
    log: silentLog,
  })
  const hubLink = await openHubLink({
    bus,
    stateFolder,
    identity: own,
    clock: systemClock,
    random: () => 0.05,
    randomHex: hex,
    bootId: hex(8),
    agentVersion: '0.1.0',
    log: silentLog,
    fetchDocument: (path, mostBytes) =>
      fetchDocument({ addresses: identity.membership?.api ?? [], tls: identity.tls(), path, mostBytes }),
  })
  const runtime = fakeRuntime({ images: ['localhost/web:1'] })
  const agent = await nodeAgent({
    link: hubLink,
    runtime,
    network: fakePodNetwork(),
    nodeName: of.name,
    stateFolder,
    runFolder: `${stateFolder}/run`,
    machine: {
      hostname: of.name,
      architecture: 'arm64',
      bootID: hex(8),
      machineID: of.name,
      kernelVersion: '6.12',
      osImage: 'Test OS',
      board: { model: '', cards: [] },
      canProtectFromOom: false,
    },
    readMachine: async () => aMachine(),
    addresses: async () => ['127.0.0.1'],
    traffic: async () => undefined,
    telemetrySeconds: 600,
    clock: systemClock,
    random: () => 0.5,
    log: silentLog,
  })
  await agent.start()
  t.teardown(async () => {
    await agent.close()
    await hubLink.close()
    await bus.close()
    await runtime.close()
  })
  const started = () => runtime.steps.filter(step => step.startsWith('start ')).length
  return { ...link, name: of.name, runtime, started }
}

const web = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'web', image: 'localhost/web:1', imagePullPolicy: 'Never' }],
        tolerations: ['not-ready', 'unreachable'].map(word => ({
          key: `node.kubernetes.io/${word}`,
          operator: 'Exists',
          effect: 'NoExecute',
          tolerationSeconds: 2,
        })),
      },
    },
  },
}

const world = async (t: Test) => {
  const folder = folderOf(t)
  const hub = await aWholeHub(t, `${folder}/hub`)
  const nodes = []
  for (const name of ['a', 'b', 'c']) {
    nodes.push(await aNode(t, { folder, name, token: await hub.joinToken(), mqttPort: hub.hub.mqttPort }))
  }
  const pods = async (): Promise<readonly Pod[]> => {
    const { body } = await hub.asAdmin('GET', '/api/v1/namespaces/default/pods')
    return body['items'] as readonly Pod[]
  }
  const isReady = (pod: Pod) =>
    pod.status?.conditions?.some(one => one.type === 'Ready' && one.status === 'True') === true
  const isUp = (pod: Pod) => isReady(pod) && pod.metadata.deletionTimestamp === undefined
  const nodeReady = async (name: string) => {
    const { body } = await hub.asAdmin('GET', `/api/v1/nodes/${name}`)
    const { conditions = [] } = (body['status'] ?? {}) as { conditions?: readonly { type: string; status: string }[] }
    return conditions.find(one => one.type === 'Ready')?.status
  }
  for (const { name } of nodes) await until(`${name} is ready`, async () => (await nodeReady(name)) === 'True')
  t.equal((await hub.asAdmin('POST', '/apis/apps/v1/namespaces/default/deployments', web)).status, 201)
  await until('three pods run, one on each node', async () => {
    const up = (await pods()).filter(isUp)
    return new Set(up.map(pod => pod.spec?.nodeName)).size === 3
  })
  return { ...hub, folder, nodes, pods, isUp, nodeReady }
}

t.test('a node lost for good is replaced; when it is back its surplus goes, and nothing else restarts', async t => {
  const { nodes, pods, isUp, nodeReady } = await world(t)
  const [a] = nodes
  const others = (await pods()).filter(pod => pod.spec?.nodeName !== 'a').map(pod => pod.metadata.uid)
  a?.cut()
  await until('the hub knows', async () => (await nodeReady('a')) === 'Unknown')
  await until('three pods run on the other two', async () => {
    const up = (await pods()).filter(isUp)
    return up.length === 3 && up.every(pod => pod.spec?.nodeName !== 'a')
  })
  t.equal(a?.runtime.steps.filter(step => step.startsWith('stop ')).length, 0, 'the lost node runs its pod on')
  const before = nodes.map(node => node.started())
  a?.mend()
  await until('the node is back', async () => (await nodeReady('a')) === 'True')
  await until('the surplus is gone', async () => (await pods()).length === 3)
  t.equal(a?.runtime.steps.filter(step => step.startsWith('stop ')).length, 1)
  t.strictSame(
    nodes.map(node => node.started()),
    before,
    'nothing was started',
  )
  const now = (await pods()).map(pod => pod.metadata.uid)
  t.ok(others.every(uid => now.includes(uid)))
})

t.test('two of three lost at once: nobody is replaced, and all are well again when the link is', async t => {
  const { nodes, pods, isUp, nodeReady } = await world(t)
  const before = (await pods()).map(pod => pod.metadata.uid)
  for (const node of nodes.slice(0, 2)) node.cut()
  for (const name of ['a', 'b']) await until(`${name} is Unknown`, async () => (await nodeReady(name)) === 'Unknown')
  await new Promise(resolve => setTimeout(resolve, 4_000))
  for (const node of nodes.slice(0, 2)) node.mend()
  await until('all three run', async () => (await pods()).filter(isUp).length === 3)
  t.strictSame((await pods()).map(pod => pod.metadata.uid).toSorted(), before.toSorted())
  t.ok(nodes.every(node => node.started() === 1))
})

t.test('a hub that starts anew while a node is lost knows it again when it is back', async t => {
  const { nodes, pods, isUp, nodeReady, hub, folder, samePorts } = await world(t)
  const [a] = nodes
  a?.cut()
  await until('the hub knows', async () => (await nodeReady('a')) === 'Unknown')
  await hub.close()
  await aWholeHub(t, `${folder}/hub`, { argv: samePorts })
  a?.mend()
  await until('the node is back', async () => (await nodeReady('a')) === 'True')
  await until('three pods run', async () => (await pods()).filter(isUp).length === 3)
  await until('nothing is left over', async () => (await pods()).length === 3)
})
