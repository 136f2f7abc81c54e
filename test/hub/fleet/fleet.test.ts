import t from 'tap'
import type { HubLink } from '../../../src/agent/hub-link.ts'
import { upMessage } from '../../../src/agent/link/link-identity.ts'
import type { Event, KubeObject, Lease, Node, Pod, Service } from '../../../src/api/types.ts'
import type { Command } from '../../../src/wire/payloads.ts'
import { aWorld, boundPod } from './world.ts'

const downTo = (world: Awaited<ReturnType<typeof aWorld>>, topic: string) =>
  world.bus.carried.filter(message => message.way === 'down' && message.topic === topic)

t.test('a bound pod reaches its node, with what it consumes, and is acknowledged', async t => {
  const world = await aWorld()
  t.teardown(world.close)
  const attic = await world.join('attic')
  await world.objects.create('ConfigMap', {
    metadata: { name: 'settings', namespace: 'default' },
    data: { a: '1' },
  } as KubeObject)
  await world.objects.create('Secret', { metadata: { name: 'other', namespace: 'default' }, data: {} } as KubeObject)
  const link = await attic.start()
  world.bus.agent('attic').connect()
  await world.calm()
  t.strictSame(link.assignment()?.pods, [])

  await world.objects.create(
    'Pod',
    boundPod('web', 'attic', {
      containers: [{ name: 'main', image: 'x', envFrom: [{ configMapRef: { name: 'settings' } }] }],
    }),
  )
  await world.calm()
  t.match(link.assignment(), {
    node: { name: 'attic', uid: 'uid-of-attic' },
    network: { podCIDR: '10.64.1.0/25' },
    pods: [{ metadata: { name: 'web' } }],
    configMaps: [{ metadata: { name: 'settings' }, data: { a: '1' } }],
  })
  t.strictSame(link.assignment()?.secrets, [])
  const sent = downTo(world, 'd/state').length
  await world.clock.advance(600_000)
  await world.calm()
  t.equal(downTo(world, 'd/state').length, sent, 'what was acknowledged is not sent again')
})

t.test('a change reaches the node that it touches, and no other', async t => {
  const world = await aWorld()
  t.teardown(world.close)
  for (const name of ['attic', 'cellar']) {
    await (await world.join(name)).start()
    world.bus.agent(name).connect()
  }
  await world.calm()
  const before = world.bus.carried.length
  await world.objects.create('Pod', boundPod('web', 'cellar'))
  await world.calm()
  const down = world.bus.carried.slice(before).filter(message => message.way === 'down')
  t.strictSame(
    down.map(message => `${message.node} ${message.topic}`),
    ['cellar d/state'],
  )
})

t.test('a status that is reported is written once, and only by the pod’s own node', async t => {
  const world = await aWorld()
  t.teardown(world.close)
  const attic = await (await world.join('attic')).start()
  const cellar = await (await world.join('cellar')).start()
  for (const name of ['attic', 'cellar']) world.bus.agent(name).connect()
  const pod = await world.objects.create('Pod', boundPod('web', 'attic'))
  await world.calm()
  const report = {
    pods: [
      {
        uid: pod.metadata.uid ?? '',
        namespace: 'default',
        name: 'web',
        status: { phase: 'Running', podIP: '10.64.1.2' },
      },
    ],
  }
  await cellar.report(report)
  await world.calm()
  const key = { namespace: 'default', name: 'web' }
  t.not(world.objects.get<Pod>('Pod', key)?.status?.phase, 'Running')
  await attic.report(report)
  await world.calm()
  t.match(world.objects.get<Pod>('Pod', key)?.status, { phase: 'Running', podIP: '10.64.1.2' })
  const { revision } = world.objects
  await attic.report(report)
  await world.calm()
  t.equal(world.objects.revision, revision, 'the same again changes nothing')
})

t.test('a deleted pod goes when its node lets go of it', async t => {
  const world = await aWorld()
  t.teardown(world.close)
  const link = await (await world.join('attic')).start()
  world.bus.agent('attic').connect()
  const pod = await world.objects.create('Pod', boundPod('web', 'attic'))
  await world.calm()
  const key = { namespace: 'default', name: 'web' }
  const uid = pod.metadata.uid ?? ''
  await link.report({ pods: [{ uid, namespace: 'default', name: 'web', gone: true }] })
  await world.calm()
  t.ok(world.objects.get('Pod', key), 'a pod that nobody deleted stays')
  await world.objects.delete('Pod', key, { gracePeriodSeconds: 30 })
  await world.calm()
  t.ok(link.assignment()?.pods[0]?.metadata.deletionTimestamp)
  await link.report({ pods: [{ uid, namespace: 'default', name: 'web', gone: true }] })
  await world.calm()
  t.notOk(world.objects.get('Pod', key))
})

t.test('a deleted pod that its node never had goes with the next full report', async t => {
  const world = await aWorld()
  t.teardown(world.close)
  const link = await (await world.join('attic')).start()
  world.bus.agent('attic').connect()
  await world.objects.create('Pod', boundPod('web', 'attic'))
  await world.objects.delete('Pod', { namespace: 'default', name: 'web' }, { gracePeriodSeconds: 30 })
  await world.calm()
  await link.report({ pods: [], presentPodUids: [] })
  await world.calm()
  t.notOk(world.objects.get('Pod', { namespace: 'default', name: 'web' }))
})

t.test('a node’s report is written to its Node; what an idle node says again writes nothing', async t => {
  const world = await aWorld()
  t.teardown(world.close)
  const link = await (await world.join('attic')).start()
  world.bus.agent('attic').connect()
  await world.calm()
  const node = {
    addresses: [{ type: 'InternalIP', address: '192.168.1.7' }],
    capacity: { cpu: '4', memory: '1000000Ki' },
    allocatable: { cpu: '4', memory: '900000Ki' },
    conditions: [{ type: 'Ready', status: 'True', reason: 'AgentReady', message: 'all is well' }],
    nodeInfo: {
      architecture: 'arm64',
      bootID: 'b',
      containerRuntimeVersion: 'podman://4.3.1',
      kernelVersion: '6.1',
      kubeProxyVersion: '',
      kubeletVersion: '0.1.0',
      machineID: 'm',
      operatingSystem: 'linux',
      osImage: 'Debian',
      systemUUID: 's',
    },
    images: [],
    labels: { 'dunlin.io/model': 'pi-4', 'dunlin.io/site': 'elsewhere', 'node-role.kubernetes.io/master': '' },
  }
  await link.report({ node })
  await world.calm()
  const found = world.objects.get<Node>('Node', { namespace: '', name: 'attic' })
  t.match(found?.status?.conditions?.[0], { type: 'Ready', status: 'True' })
  t.match(found?.metadata.labels, { 'dunlin.io/model': 'pi-4', 'dunlin.io/site': 'default' })
  t.notOk('node-role.kubernetes.io/master' in (found?.metadata.labels ?? {}), 'a device does not make itself a master')
  const { revision } = world.objects
  await world.clock.advance(60_000)
  await link.report({ node })
  await world.calm()
  t.equal(world.objects.revision, revision)
  const lease = world.objects.get<Lease>('Lease', { namespace: 'kube-node-lease', name: 'attic' })
  t.equal(Date.parse(lease?.spec?.renewTime ?? ''), world.clock.now(), 'its sign of life is in memory')
})

t.test('a broken connection that does not return makes the node Unknown; a report makes it Ready again', async t => {
  const world = await aWorld()
  t.teardown(world.close)
  await (await world.join('attic')).start()
  const ready = () =>
    world.objects
      .get<Node>('Node', { namespace: '', name: 'attic' })
      ?.status?.conditions?.find(condition => condition.type === 'Ready')?.status
  world.bus.agent('attic').connect()
  await world.calm()
  world.bus.agent('attic').disconnect({ reset: true })
  await world.clock.advance(5000)
  world.bus.agent('attic').connect()
  await world.clock.advance(20_000)
  await world.calm()
  t.not(ready(), 'Unknown')
  world.bus.agent('attic').disconnect({ reset: true })
  await world.clock.advance(10_001)
  await world.calm()
  t.equal(ready(), 'Unknown')
})

t.test('Services reach their own site, fleet-wide ones reach all, with endpoints and peers', async t => {
  const world = await aWorld()
  t.teardown(world.close)
  const attic = await (await world.join('attic')).start()
  const barn = await (await world.join('barn', { labels: { 'dunlin.io/site': 'farm' } })).start()
  for (const name of ['attic', 'barn']) world.bus.agent(name).connect()
  await world.objects.create('Service', {
    metadata: { name: 'web', namespace: 'default' },
    spec: { ports: [{ port: 80, protocol: 'TCP' }], clusterIP: '10.96.0.20', selector: { a: 'b' } },
  } as Service)
  await world.objects.create('Service', {
    metadata: { name: 'all', namespace: 'default', labels: { 'dunlin.io/scope': 'fleet' } },
    spec: { ports: [{ port: 81, protocol: 'TCP' }], clusterIP: '10.96.0.21', selector: { a: 'b' } },
  } as Service)
  await world.objects.create('EndpointSlice', {
    metadata: { name: 'web-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
    endpoints: [{ addresses: ['10.64.1.2'], conditions: { ready: true }, nodeName: 'attic' }],
  } as KubeObject)
  await world.calm()
  t.strictSame(
    attic.neighbourhood()?.services.map(service => service.name),
    ['all', 'web'],
  )
  t.strictSame(
    barn.neighbourhood()?.services.map(service => service.name),
    ['all'],
  )
  t.match(attic.neighbourhood()?.services[1]?.endpoints, [{ address: '10.64.1.2', ready: true, ports: { '': 8080 } }])
  t.strictSame(attic.neighbourhood()?.peers, [], 'a node of another site is no peer')
})

t.test('nodes of a site are peers of each other, and none of itself', async t => {
  const world = await aWorld()
  t.teardown(world.close)
  const links = new Map<string, HubLink>()
  for (const name of ['attic', 'cellar']) {
    links.set(name, await (await world.join(name)).start())
    world.bus.agent(name).connect()
    await world.objects.modify<Node>(
      'Node',
      { namespace: '', name },
      node => ({
        ...node,
        status: { ...node.status, addresses: [{ type: 'InternalIP', address: `192.168.1.${name.length}` }] },
      }),
      { subresource: 'status' },
    )
  }
  await world.calm()
  await world.clock.advance(1000)
  await world.calm()
  t.match(links.get('attic')?.neighbourhood()?.peers, [
    { node: 'cellar', podCIDR: '10.64.2.0/25', addresses: ['192.168.1.6'] },
  ])
  t.strictSame(
    links
      .get('cellar')
      ?.neighbourhood()
      ?.peers.map(peer => peer.node),
    ['attic'],
  )
  await world.objects.delete('Node', { namespace: '', name: 'cellar' })
  await world.clock.advance(1000)
  await world.calm()
  t.strictSame(links.get('attic')?.neighbourhood()?.peers, [])
})

t.test('events become Event objects, and the same again raises the count', async t => {
  const world = await aWorld()
  t.teardown(world.close)
  const link = await (await world.join('attic')).start()
  world.bus.agent('attic').connect()
  const pod = await world.objects.create('Pod', boundPod('web', 'attic'))
  await world.calm()
  const event = {
    type: 'Warning' as const,
    reason: 'BackOff',
    message: 'restarting failed container',
    time: '2026-01-02T03:04:05Z',
    count: 1,
    involved: { kind: 'Pod' as const, namespace: 'default', name: 'web', uid: pod.metadata.uid ?? '' },
  }
  await link.events([event])
  await link.events([event, { ...event, involved: { ...event.involved, name: 'foreign' } }])
  await world.calm()
  const events = world.objects.list<Event>('Event')
  t.equal(events.length, 1)
  t.match(events[0], { reason: 'BackOff', count: 2, involvedObject: { kind: 'Pod', name: 'web' } })
})

t.test('a command is carried out once and its result comes back', async t => {
  const world = await aWorld()
  t.teardown(world.close)
  const link = await (await world.join('attic')).start()
  world.bus.agent('attic').connect()
  await world.calm()
  const seen: string[] = []
  link.onCommand(async command => {
    seen.push(command.action)
    return 'renewed'
  })
  const result = await world.fleet.command('attic', { action: 'renew' })
  t.match(result, { ok: true, message: 'renewed' })
  const sent = downTo(world, 'd/cmd')[0]
  for (let again = 0; again < 3 && sent !== undefined; again += 1)
    await world.bus.hub.publish('attic', 'd/cmd', sent.bytes)
  await world.calm()
  t.strictSame(seen, ['renew'])
  await t.rejects(world.fleet.command('nowhere', { action: 'renew' }), /not connected/)
})

t.test('usage is kept in memory for those who ask', async t => {
  const world = await aWorld()
  t.teardown(world.close)
  const link = await (await world.join('attic')).start()
  world.bus.agent('attic').connect()
  await world.calm()
  const { revision } = world.objects
  await link.report({
    usage: { time: '2026-01-02T03:04:05Z', windowSeconds: 15, node: { cpuNanos: 5, memoryBytes: 6 }, pods: [] },
  })
  await world.calm()
  t.match(world.fleet.usage.node('attic'), { node: { cpuNanos: 5, memoryBytes: 6 } })
  t.equal(world.objects.revision, revision)
})

t.test('while somebody looks at usage, the node measures more often; nobody looks, nothing is sent', async t => {
  const world = await aWorld()
  t.teardown(world.close)
  const link = await (await world.join('attic')).start()
  world.bus.agent('attic').connect()
  await world.calm()
  const seen: Command[] = []
  link.onCommand(async command => {
    seen.push(command)
    return undefined
  })
  await link.report({
    usage: { time: '2026-01-02T03:04:05Z', windowSeconds: 15, node: { cpuNanos: 5, memoryBytes: 6 }, pods: [] },
  })
  await world.calm()
  t.strictSame(seen, [])
  for (let look = 0; look < 3; look += 1) world.fleet.usage.nodes()
  await world.calm()
  t.match(seen, [{ action: 'telemetry', periodSeconds: 15 }])
  await world.clock.advance(130_000)
  world.fleet.usage.node('attic')
  await world.calm()
  t.equal(seen.length, 2)
})

t.test('what a node says wrongly is refused, and what it says next is heard', async t => {
  const world = await aWorld()
  t.teardown(world.close)
  const attic = await world.join('attic')
  const link = await attic.start()
  const cellar = await world.join('cellar')
  await cellar.start()
  for (const name of ['attic', 'cellar']) world.bus.agent(name).connect()
  const pod = await world.objects.create('Pod', boundPod('web', 'attic'))
  await world.calm()
  const word = (phase: string) => ({
    pods: [{ uid: pod.metadata.uid ?? '', namespace: 'default', name: 'web', status: { phase } }],
  })
  await link.report(word('Pending'))
  await world.calm()
  const good = Buffer.from(world.bus.carried.filter(message => message.topic === 'u/status').at(-1)?.bytes ?? [])
  const say = (node: string, topic: string, bytes: Uint8Array) => world.bus.agent(node).publish(topic, bytes)
  const forged = upMessage(
    { identity: { ...attic.identity, signer: cellar.identity.signer }, session: '', sequence: 9, now: 0 },
    'u/status',
    { format: 1, sequence: 9, bootId: 'b', applied: {}, ...word('Failed') },
  )
  const wrong = upMessage({ identity: attic.identity, session: '', sequence: 9, now: 0 }, 'u/hello', {
    format: 1,
    nonce: 'not hex',
  } as never)
  await say('attic', 'u/status', good)
  await say('cellar', 'u/status', good)
  await say('attic', 'u/ev', good)
  await say('attic', 'u/status', good.subarray(0, 150))
  await say('attic', 'u/status', forged)
  await say('attic', 'u/hello', wrong)
  await say('attic', 'u/nothing', good)
  await say('attic', 'u/status', Buffer.alloc(300_000))
  await world.calm()
  t.equal(world.objects.get<Pod>('Pod', { namespace: 'default', name: 'web' })?.status?.phase, 'Pending')
  await link.report(word('Running'))
  await world.calm()
  t.equal(world.objects.get<Pod>('Pod', { namespace: 'default', name: 'web' })?.status?.phase, 'Running')
})

t.test('a flood of one hello is answered a few times, and the node still gets its answer later', async t => {
  const world = await aWorld()
  t.teardown(world.close)
  await (await world.join('attic')).start()
  world.bus.agent('attic').connect()
  await world.calm()
  const hello = world.bus.carried.find(message => message.topic === 'u/hello')?.bytes ?? Buffer.alloc(0)
  for (let again = 0; again < 40; again += 1) await world.bus.agent('attic').publish('u/hello', hello)
  await world.calm()
  t.ok(downTo(world, 'd/hub').length <= 6)
  await world.clock.advance(11_000)
  await world.bus.agent('attic').publish('u/hello', hello)
  await world.calm()
  t.ok(downTo(world, 'd/hub').length > 6)
})

t.test('a restarted hub sends nothing that a node has already', async t => {
  const world = await aWorld()
  t.teardown(world.close)
  const link = await (await world.join('attic')).start()
  world.bus.agent('attic').connect()
  await world.objects.create('Pod', boundPod('web', 'attic'))
  await world.calm()
  const before = downTo(world, 'd/state').length
  await world.restartHub()
  await world.clock.advance(1)
  await world.calm()
  t.equal(downTo(world, 'd/state').length, before)
  await world.objects.create('Pod', boundPod('more', 'attic'))
  await world.calm()
  t.equal(link.assignment()?.pods.length, 2)
})

t.test('a large assignment is announced, and fetched by the node alone', async t => {
  const world = await aWorld()
  t.teardown(world.close)
  const attic = await world.join('attic')
  await world.join('cellar')
  const request = (node: string, path: string) => ({
    method: 'GET',
    path,
    query: new URLSearchParams(),
    headers: {},
    caller: { user: `system:node:${node}`, groups: ['system:nodes'], by: 'certificate' as const },
    remoteAddress: '127.0.0.1',
    signal: new AbortController().signal,
    body: async () => Buffer.alloc(0),
  })
  const paths: string[] = []
  const link = await attic.start({
    fetchDocument: async path => {
      paths.push(path)
      return (await world.fleet.door.handle(request('attic', path))).body as Uint8Array
    },
  })
  world.bus.agent('attic').connect()
  const noise = Array.from({ length: 60_000 }, (_, index) => Math.imul(index, 2654435761).toString(36)).join('')
  await world.objects.create('ConfigMap', {
    metadata: { name: 'big', namespace: 'default' },
    data: { noise },
  } as KubeObject)
  await world.objects.create('Pod', boundPod('web', 'attic', { volumes: [{ name: 'v', configMap: { name: 'big' } }] }))
  await world.calm()
  await world.calm()
  t.equal(link.assignment()?.configMaps[0]?.data?.['noise'], noise)
  const path = paths[0] ?? ''
  t.rejects(world.fleet.door.handle(request('cellar', path)), /no such document/)
  t.rejects(
    world.fleet.door.handle({
      ...request('attic', path),
      caller: { user: 'admin', groups: ['system:masters'], by: 'certificate' },
    }),
    /only a node may/,
  )
})
