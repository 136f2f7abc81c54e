import t from 'tap'
import { isFault } from '../../src/api/fault.ts'
import { aNeighbourhood, aService } from '../core/services/a-service.ts'
import { endpointOf, tell, until, who } from './netproxy-cluster.ts'
import { type LabNode, lab, type Place } from './netproxy-lab.ts'

/** All of a host that the pod network may change. */
const snapshot = async (place: Place): Promise<string> => {
  const parts = [
    await place.read('nft', 'list', 'ruleset'),
    await place.read('ip', '-o', 'addr'),
    await place.read('ip', 'route', 'show', 'table', 'all'),
    await place.read('ip', 'neigh', 'show', 'proxy'),
    await place.read(
      'sh',
      '-c',
      'grep -rs "" /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf /proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal /proc/sys/net/bridge | sort',
    ),
  ]
  // Link-local IPv6 addresses come and settle in their own time.
  return parts
    .join('\n')
    .split('\n')
    .filter(line => !line.includes('fe80:'))
    .join('\n')
}

t.test('taken down, the host is as it was', async t => {
  const world = await lab(t)
  const node = await world.node(1, { isConfigured: false })
  await node.run(
    'nft',
    ['-f', '-'],
    'table ip other { chain f { type filter hook forward priority 0; policy drop; }\nset s { type ipv4_addr; elements = { 1.2.3.4 } } }\n',
  )
  const before = await snapshot(node)
  await node.proxy.configure(node.network)
  await node.pod('a', [{ protocol: 'TCP', hostPort: 8000, containerPort: 80 }])
  await tell(
    [node],
    [
      aService({
        type: 'NodePort',
        sessionAffinitySeconds: 10,
        ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: 30080 }],
      }),
    ],
  )
  t.not(await snapshot(node), before)
  await t.test('also by a later process', async t => {
    await node.crash()
    await node.start()
    await node.proxy.takeDown()
    t.equal(await snapshot(node), before)
  })
  await t.test('and it can be set up again', async t => {
    await node.proxy.configure(node.network)
    t.equal((await node.proxy.attached()).size, 0)
    await node.proxy.takeDown()
    t.equal(await snapshot(node), before)
  })
})

t.test('a LAN that overlaps our addresses is refused, naming both ranges, and nothing is changed', async t => {
  const world = await lab(t)
  for (const [address, ours] of [
    ['10.70.0.5/16', '10.64.0.0/11'],
    ['10.96.3.5/24', '10.96.0.0/16'],
    ['10.0.0.5/8', '10.64.0.0/11'],
  ] as const) {
    const node = await world.node(1, { isConfigured: false })
    await node.read('ip', 'addr', 'add', address, 'dev', 'eth0')
    const before = await snapshot(node)
    const refusal = await node.proxy.configure(node.network).catch((error: unknown) => error)
    t.ok(isFault(refusal, 'Machine'))
    t.ok(String(refusal).includes(ours), String(refusal))
    t.match(String(refusal), /the network 10\.\S+ of eth0 overlaps/)
    t.equal(await snapshot(node), before)
    await node.read('ip', 'link', 'del', 'eth0')
  }
})

t.test('a bridge of another container engine inside the pod addresses is no LAN', async t => {
  const node = await (await lab(t)).node(1, { isConfigured: false })
  await node.read('ip', 'link', 'add', 'podman0', 'type', 'bridge')
  await node.read('ip', 'addr', 'add', '10.88.0.1/16', 'dev', 'podman0')
  await node.read('ip', 'link', 'set', 'podman0', 'up')
  await node.proxy.configure(node.network)
  t.ok((await node.pod('a')).ip)
})

t.test('a pod reaches a host of the LAN that has no route back, and the node itself', async t => {
  const world = await lab(t)
  const node = await world.node(1)
  const pod = await node.pod('a')
  await world.client.serve('serve', 'lan', '7000')
  await node.serve('serve', 'node', '7000')
  for (const protocol of ['tcp', 'udp'] as const) {
    t.strictSame(await pod.ask(protocol, '192.168.77.100', 7000), ['lan 192.168.77.11'])
    t.strictSame(await pod.ask(protocol, '192.168.77.11', 7000), [`node ${pod.ip}`])
  }
  t.strictSame(await pod.ask('tcp', '10.70.1.1', 7000), ['EHOSTUNREACH'], 'pods of nodes unknown are nobody’s')
})

t.test('host ports lead to their pod', async t => {
  const world = await lab(t)
  const node = await world.node(1)
  const pod = await node.pod('a', [
    { protocol: 'TCP', hostPort: 8000, containerPort: 80 },
    { protocol: 'UDP', hostPort: 8001, hostIP: '192.168.77.11', containerPort: 80 },
  ])
  await pod.serve('serve', 'a', '80')
  await tell([node], [])
  t.strictSame(await world.client.ask('tcp', '192.168.77.11', 8000), ['a 192.168.77.100'])
  t.strictSame(await world.client.ask('udp', '192.168.77.11', 8001), ['a 192.168.77.100'])
  await node.proxy.detach('a', { forget: true })
  await node.proxy.applied()
  t.strictSame(await world.client.ask('tcp', '192.168.77.11', 8000), ['ECONNREFUSED'])
})

t.test('another firewall that drops by default lets pods through', async t => {
  const world = await lab(t)
  const one = await world.node(1, { isConfigured: false })
  const two = await world.node(2)
  await one.run(
    'nft',
    ['-f', '-'],
    'table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }\nchain INPUT { type filter hook input priority 0; policy drop; ct state established accept; iifname lo accept; } }\n',
  )
  await one.proxy.configure(one.network)
  const a = await one.pod('a')
  const b = await two.pod('b')
  for (const pod of [a, b]) await pod.serve('serve', pod.uid, '8080')
  await tell(
    [one, two],
    [
      aService({
        type: 'NodePort',
        ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: 30080 }],
        endpoints: [endpointOf(one, a), endpointOf(two, b)],
      }),
    ],
  )
  t.strictSame(await b.ask('tcp', a.ip, 8080), [`a ${b.ip}`])
  t.strictSame(who(await world.client.ask('tcp', '192.168.77.11', 30080, 30)), ['a', 'b'])
  t.strictSame(await one.proxy.troubles(), [])
})

const threeReplicas = async (one: LabNode, two: LabNode) => {
  const pods = [
    [one, await one.pod('a')],
    [one, await one.pod('d')],
    [two, await two.pod('b')],
  ] as const
  for (const [, pod] of pods) await pod.serve('serve', pod.uid, '8080')
  const service = aService({ type: 'NodePort', ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: 30080 }] })
  return { service, endpoints: pods.map(([node, pod]) => endpointOf(node, pod)), pods: pods.map(([, pod]) => pod) }
}

t.test('the kernel keeps forwarding while the process is away, and the next adopts all of it', async t => {
  const world = await lab(t)
  const one = await world.node(1)
  const two = await world.node(2)
  const { service, endpoints, pods } = await threeReplicas(one, two)
  await tell([one, two], [{ ...service, endpoints }])
  const rules = () => one.read('nft', '-a', 'list', 'table', 'ip', 'dunlin')
  const before = await rules()
  const storm = world.client.watch('storm', '192.168.77.11', '30080', '4000')
  await one.crash()
  t.strictSame(who(await world.client.ask('tcp', '192.168.77.11', 30080, 30)), ['a', 'b', 'd'])
  await one.start()
  await one.proxy.configure(one.network)
  t.strictSame([...(await one.proxy.attached()).keys()].toSorted(), ['a', 'd'])
  await tell([one, two], [{ ...service, endpoints }])
  t.equal(await rules(), before, 'no rule, chain or element was made anew')
  await t.test('attached again, nothing is plugged anew', async t => {
    const links = await one.read('ip', '-o', 'link')
    t.strictSame(
      await one.proxy.attach({
        uid: 'a',
        namespace: 'default',
        name: 'a',
        netnsPath: pods[0]?.path ?? '',
        hostPorts: [],
      }),
      { ip: pods[0]?.ip },
    )
    t.equal(await one.read('ip', '-o', 'link'), links)
  })
  const { good, bad } = JSON.parse(await storm) as { good: number; bad: readonly string[] }
  t.strictSame(bad, [])
  t.ok(good > 0)
})

t.test('no client sees an error while endpoints come and go', async t => {
  const world = await lab(t)
  const one = await world.node(1)
  const two = await world.node(2)
  const { service, endpoints } = await threeReplicas(one, two)
  await tell([one, two], [{ ...service, endpoints }])
  const storm = world.client.watch('storm', '192.168.77.11', '30080', '5000')
  for (let round = 0; round < 12; round += 1)
    await tell(
      [one, two],
      [{ ...service, endpoints: endpoints.map((one, index) => ({ ...one, ready: round % 3 !== index })) }],
    )
  const { good, bad } = JSON.parse(await storm) as { good: number; bad: readonly string[] }
  t.strictSame(bad, [])
  t.ok(good > 0)
})

t.test('rules that a third party flushed come back by themselves', async t => {
  const world = await lab(t)
  const one = await world.node(1, { audit: { watchMs: 200, presenceMs: 300, contentMs: 1000 } })
  const two = await world.node(2)
  const { service, endpoints } = await threeReplicas(one, two)
  await tell([one, two], [{ ...service, endpoints }])
  const rules = () => one.read('nft', 'list', 'table', 'ip', 'dunlin')
  const before = await rules()
  const isRepaired = async () => (await one.run('nft', ['list', 'table', 'ip', 'dunlin'])).stdout === before
  await one.read('nft', 'flush', 'ruleset')
  await until(isRepaired)
  t.strictSame(who(await world.client.ask('tcp', '192.168.77.11', 30080, 30)), ['a', 'b', 'd'])
  await one.read('nft', 'flush', 'map', 'ip', 'dunlin', 'np')
  await until(isRepaired)
  await one.read('ip', 'route', 'del', two.network.podCIDR)
  await until(async () => (await one.read('ip', 'route')).includes(two.network.podCIDR))
  await one.read('ip', 'addr', 'del', '10.96.0.10/32', 'dev', 'lo')
  await until(async () => (await one.read('ip', 'addr')).includes('10.96.0.10/32'))
})

t.test('after a power cut pods have the addresses they had', async t => {
  const world = await lab(t)
  const node = await world.node(1)
  const first = await node.pod('a')
  const second = await node.pod('b')
  // What a power cut leaves: the state folder, and nothing in the kernel.
  await node.crash()
  await node.read('ip', 'link', 'del', 'dunlin0')
  await node.read('nft', 'flush', 'ruleset')
  for (const line of (await node.read('ip', '-o', 'link')).matchAll(/\d+: (dl\w+)/g))
    await node.read('ip', 'link', 'del', line[1] ?? '')
  await node.start()
  await node.proxy.configure(node.network)
  t.equal((await node.proxy.attached()).size, 0)
  const again = await node.sandbox('b')
  t.strictSame(await node.proxy.attach(again), { ip: second.ip })
  t.strictSame(await node.proxy.attach(await node.sandbox('a')), { ip: first.ip })
})

t.test('a port that a program of the host listens on is never taken from it', async t => {
  const world = await lab(t)
  const node = await world.node(1)
  const pod = await node.pod('a')
  await pod.serve('serve', 'a', '8080')
  await node.serve('serve', 'host', '2222')
  const ports = [{ name: '', protocol: 'TCP', port: 2222, nodePort: 30022 }] as const
  await tell([node], [aService({ type: 'LoadBalancer', ports, endpoints: [endpointOf(node, pod)] })])
  t.strictSame(who(await world.client.ask('tcp', node.lanAddress, 2222)), ['host'])
  t.strictSame(who(await world.client.ask('tcp', node.lanAddress, 30022)), ['a'])
  t.match((await node.proxy.troubles()).join(), /default\/web does not answer at node tcp 2222/)
})

t.test('a peer that is on no network of this node is told, and its pods are not sent to the router', async t => {
  const node = await (await lab(t)).node(1)
  const pod = await node.pod('a')
  const peer = { node: 'far', uid: 'far', podCIDR: '10.64.7.0/25', addresses: ['203.0.113.9'] }
  await node.proxy.setNeighbourhood(aNeighbourhood([], [peer]))
  await node.proxy.applied()
  t.match(
    (await node.proxy.troubles()).join(),
    /pods on node far cannot be reached: none of its addresses \(203\.0\.113\.9\)/,
  )
  t.strictSame(await pod.ask('tcp', '10.64.7.5', 80), ['EHOSTUNREACH'])
})

t.test('a LAN that goes and comes is followed, and one that overlaps later is told', async t => {
  const world = await lab(t)
  const one = await world.node(1, { audit: { watchMs: 200, presenceMs: 60_000, contentMs: 60_000 } })
  const two = await world.node(2)
  const a = await one.pod('a')
  const b = await two.pod('b')
  await b.serve('serve', 'b', '8080')
  await tell([one, two], [])
  t.strictSame(who(await a.ask('tcp', b.ip, 8080)), ['b'])
  // As a cable that is pulled: the kernel takes the routes away.
  await one.read('ip', 'link', 'set', 'eth0', 'down')
  await one.read('ip', 'link', 'set', 'eth0', 'up')
  await until(async () => (await one.read('ip', 'route')).includes(two.network.podCIDR))
  t.strictSame(who(await a.ask('tcp', b.ip, 8080)), ['b'])
  await one.read('ip', 'addr', 'add', '10.66.0.5/16', 'dev', 'eth0')
  await until(async () => (await one.proxy.troubles()).join().includes('the network 10.66.0.0/16 of eth0 overlaps'))
  await one.read('ip', 'addr', 'del', '10.66.0.5/16', 'dev', 'eth0')
  await until(async () => (await one.proxy.troubles()).length === 0)
})

t.test('pods of the host’s own network stand behind a Service like others', async t => {
  const world = await lab(t)
  const one = await world.node(1)
  const two = await world.node(2)
  const a = await one.pod('a')
  for (const node of [one, two]) await node.serve('serve', node.nodeName, '8080')
  const endpoints = [one, two].map(node => endpointOf(node, { ...a, uid: node.nodeName, ip: node.lanAddress }))
  const ports = [{ name: '', protocol: 'TCP', port: 80, nodePort: 30080 }] as const
  await tell([one, two], [aService({ type: 'NodePort', ports, endpoints })])
  for (const from of [a, one]) t.strictSame(who(await from.ask('tcp', '10.96.1.1', 80, 30)), ['node-1', 'node-2'])
  t.strictSame(who(await world.client.ask('tcp', one.lanAddress, 30080, 30)), ['node-1', 'node-2'])
})

t.test('when something on the host hands bridged packets to the IP rules, the ports follow', async t => {
  const world = await lab(t)
  const node = await world.node(1, {
    isConfigured: false,
    audit: { watchMs: 60_000, presenceMs: 60_000, contentMs: 300 },
  })
  const hand = (on: 0 | 1) => node.read('sh', '-c', `echo ${on} > /proc/sys/net/bridge/bridge-nf-call-iptables`)
  await hand(0)
  await node.proxy.configure(node.network)
  const a = await node.pod('a')
  const b = await node.pod('b')
  await b.serve('serve', 'b', '8080')
  await tell([node], [aService({ endpoints: [endpointOf(node, b)] })])
  const flags = () =>
    node.read('ip', '-d', '-o', 'link', 'show', 'type', 'bridge_slave').catch(() => node.read('ip', '-d', '-o', 'link'))
  for (const [on, expected] of [
    [1, 'hairpin on'],
    [0, 'isolated on'],
  ] as const) {
    await hand(on)
    await until(async () => (await flags()).includes(expected))
    t.strictSame(await a.ask('tcp', '10.96.1.1', 80), [`b ${a.ip}`], expected)
    t.strictSame(await b.ask('tcp', '10.96.1.1', 80), ['b 10.64.0.1'], `${expected}, to itself`)
  }
})
