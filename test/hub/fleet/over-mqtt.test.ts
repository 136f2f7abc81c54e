import { randomBytes } from 'node:crypto'
import { createServer } from 'node:https'
import type { TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { liveMessage } from '../../../src/agent/link/link-identity.ts'
import { mqttBus } from '../../../src/agent/link/mqtt-bus.ts'
import { openHubLink } from '../../../src/agent/link/open-hub-link.ts'
import { allKinds } from '../../../src/api/kinds.ts'
import type { KubeObject, Lease, Pod } from '../../../src/api/types.ts'
import { type Fleet, startFleet } from '../../../src/hub/fleet/start-fleet.ts'
import { openObjects } from '../../../src/hub/store/open-objects.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { silentLog } from '../../../src/lib/log.ts'
import { openSealed } from '../../../src/wire/seal.ts'
import { fakeStore } from '../../fakes/store.ts'
import { folderOf } from '../../support/folder-of.ts'
import { aSealKey, aSigner } from '../../wire/keys.ts'
import { aBroker, until, whenConnected } from '../broker/a-broker.ts'
import { boundPod } from './world.ts'

/** Hub and node as they are, with MQTT over TLS between them; only objects and store are in memory. */
const aRealPair = async (t: Test, mqttPort?: (port: number) => number) => {
  const of = await aBroker(t)
  const signer = aSigner()
  const sealing = aSealKey()
  const objects = openObjects({
    store: fakeStore(),
    kinds: allKinds,
    admission: {},
    atRest: { seal: plain => plain, open: sealed => sealed },
    now: Date.now,
    newUid: () => crypto.randomUUID(),
    random: Math.random,
    log: silentLog,
  })
  await objects.synced()
  for (const name of ['default', 'kube-node-lease'])
    await objects.create('Namespace', { metadata: { name } } as KubeObject)
  await objects.create('Node', { metadata: { name: 'attic' }, spec: { podCIDR: '10.64.0.0/25' } } as KubeObject)
  let term = 0
  let fleet: Fleet | undefined
  const startHub = async (): Promise<Fleet> => {
    await fleet?.close()
    term += 1
    fleet = await startFleet({
      objects,
      bus: of.broker.bus,
      keys: { fleet: of.fleet, signing: of.keys.signing },
      nodeKeys: node =>
        node === 'attic'
          ? { uid: 'uid-attic', sealPublicKey: sealing.publicKey, signPublicKey: signer.publicKey }
          : undefined,
      incarnation: 1,
      term,
      clock: systemClock,
      randomHex: bytes => randomBytes(bytes).toString('hex'),
      log: silentLog,
      hubVersion: '0.1.0',
      network: {
        clusterCIDR: '10.64.0.0/11',
        serviceCIDR: '10.96.0.0/16',
        dnsAddress: '10.96.0.10',
        domain: 'cluster.local',
      },
    })
    return fleet
  }
  await startHub()
  const identity = {
    node: 'attic',
    uid: 'uid-attic',
    fleetId: of.fleet,
    signer,
    openSealed: (sealed: Uint8Array, context: Uint8Array) => openSealed(sealing.privateKey, sealed, context),
    hubKey: () => of.keys.signing.publicKey,
  }
  const material = of.material('system:node:attic', ['system:nodes'])
  const bus = mqttBus({
    addresses: () => [`127.0.0.1:${mqttPort?.(of.port) ?? of.port}`],
    tls: () => material,
    node: 'attic',
    fleet: of.fleet,
    will: connection => liveMessage({ identity, connection, up: false, now: Date.now() }),
    clock: systemClock,
    random: () => 0.02,
    log: silentLog,
  })
  const link = await openHubLink({
    bus,
    stateFolder: folderOf(t),
    identity,
    clock: systemClock,
    random: Math.random,
    randomHex: bytes => randomBytes(bytes).toString('hex'),
    bootId: 'boot',
    agentVersion: '0.1.0',
    log: silentLog,
    fetchDocument: () => Promise.reject(new Error('nothing is large here')),
  })
  t.teardown(async () => {
    await link.close()
    await bus.close()
    await fleet?.close()
    await objects.close()
  })
  return { of, objects, bus, link, startHub }
}

t.test('a pod goes down to its node and its status comes up, over MQTT and TLS', async t => {
  const { objects, bus, link } = await aRealPair(t)
  await whenConnected(bus)
  await until(() => link.assignment() !== undefined, 'an assignment')
  const pod = await objects.create('Pod', boundPod('web', 'attic'))
  await until(() => link.assignment()?.pods.length === 1, 'the pod')
  await link.report({
    pods: [{ uid: pod.metadata.uid ?? '', namespace: 'default', name: 'web', status: { phase: 'Running' } }],
  })
  const key = { namespace: 'default', name: 'web' }
  await until(() => objects.get<Pod>('Pod', key)?.status?.phase === 'Running', 'the status')
  t.ok(objects.get<Lease>('Lease', { namespace: 'kube-node-lease', name: 'attic' }))
})

t.test('hub and broker come back from a restart, and the node goes on where it was', async t => {
  const { of, objects, bus, link, startHub } = await aRealPair(t)
  await objects.create('Pod', boundPod('web', 'attic'))
  await until(() => link.assignment()?.pods.length === 1, 'the pod')
  let changes = 0
  link.onAssignment(() => {
    changes += 1
  })
  await of.restart()
  await startHub()
  await whenConnected(bus, true)
  await objects.create('Pod', boundPod('more', 'attic'))
  await until(() => link.assignment()?.pods.length === 2, 'the second pod')
  t.equal(changes, 1, 'what was the same was not told again')
})

t.test('MQTT comes through the API port too, by ALPN', async t => {
  let handle: ((socket: TLSSocket) => void) | undefined
  let handed = 0
  let port = 0
  const front = async (of: { keys: Awaited<ReturnType<typeof aBroker>>['keys'] }) => {
    const server = createServer({
      key: of.keys.server.key,
      cert: of.keys.server.certificate,
      ca: of.keys.ca.pem,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1', 'mqtt'],
    })
    const toHttp = server.listeners('secureConnection')
    server.removeAllListeners('secureConnection')
    server.on('secureConnection', socket => {
      if (socket.alpnProtocol === 'mqtt') {
        handed += 1
        handle?.(socket)
      } else for (const listener of toHttp) listener.call(server, socket)
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    port = address !== null && typeof address === 'object' ? address.port : 0
    t.teardown(() => server.close())
  }
  const { of, bus, link } = await aRealPair(t, own => (port === 0 ? own : port))
  await whenConnected(bus)
  handle = socket => of.broker.handle(socket)
  await front(of)
  of.broker.bus.drop('attic')
  // It comes back at once: that it was away for a moment may be seen by nobody.
  await until(() => handed > 0 && of.broker.stats().connected === 1, 'a connection through the API port')
  await until(() => link.silentForMs() !== undefined, 'a word of the hub')
  t.ok(link.isConnected)
})
