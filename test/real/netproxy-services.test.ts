import t from 'tap'
import { aService } from '../core/services/a-service.ts'
import { endpointOf, seenFrom, tell, who } from './netproxy-cluster.ts'
import { lab } from './netproxy-lab.ts'

for (const mode of ['isolated', 'bridged'] as const)
  t.test(`Services on two nodes of a LAN, ports ${mode}`, async t => {
    const world = await lab(t)
    const one = await world.node(1, { isConfigured: false })
    const two = await world.node(2, { isConfigured: false })
    for (const node of [one, two]) {
      await node.run('sh', ['-c', `echo ${mode === 'bridged' ? 1 : 0} > /proc/sys/net/bridge/bridge-nf-call-iptables`])
      await node.proxy.configure(node.network)
    }
    const a = await one.pod('a')
    const d = await one.pod('d')
    const b = await two.pod('b')
    for (const pod of [a, d, b]) await pod.serve('serve', pod.uid, '8080')
    const web = aService({
      type: 'LoadBalancer',
      ports: [
        { name: 'http', protocol: 'TCP', port: 80, nodePort: 30080 },
        { name: 'echo', protocol: 'UDP', port: 80, nodePort: 30080 },
      ],
    })
    const ports = { ports: { http: 8080, echo: 8080 } }
    const all = [endpointOf(one, a, ports), endpointOf(one, d, ports), endpointOf(two, b, ports)]
    await tell([one, two], [{ ...web, endpoints: all }])

    await t.test('a pod reaches pods of its own and of other nodes, and is seen with its own address', async t => {
      for (const to of [d, b]) t.strictSame(await a.ask('tcp', to.ip, 8080), [`${to.uid} ${a.ip}`])
      t.strictSame(await b.ask('udp', a.ip, 8080), [`a ${b.ip}`])
    })

    await t.test('local pod, remote pod and node reach every endpoint by the cluster address, TCP and UDP', async t => {
      for (const from of [a, b, one, two])
        for (const protocol of ['tcp', 'udp'] as const)
          t.strictSame(who(await from.ask(protocol, '10.96.1.1', 80, 40)), ['a', 'b', 'd'], `${from.name} ${protocol}`)
    })

    await t.test('a pod through a Service is seen with its own address, but by itself with the bridge’s', async t => {
      const answers = await a.ask('tcp', '10.96.1.1', 80, 40)
      for (const answer of answers) t.equal(answer.split(' ')[1], answer.startsWith('a ') ? '10.64.0.1' : a.ip)
    })

    await t.test(
      'a client on the LAN reaches every endpoint through either node, by node port and by port',
      async t => {
        for (const node of [one, two])
          for (const port of [30080, 80])
            for (const protocol of ['tcp', 'udp'] as const)
              t.strictSame(
                who(await world.client.ask(protocol, node.lanAddress, port, 40)),
                ['a', 'b', 'd'],
                `${node.nodeName} ${protocol} ${port}`,
              )
      },
    )

    await t.test('a pod and a node reach a node port of their own and of another node', async t => {
      for (const from of [a, one])
        for (const node of [one, two])
          t.strictSame(who(await from.ask('tcp', node.lanAddress, 30080, 40)), ['a', 'b', 'd'])
    })

    await t.test('an unknown port of a Service is refused, also where nobody would answer', async t => {
      t.strictSame(await a.ask('tcp', '10.96.1.1', 81), ['ECONNREFUSED'])
      t.strictSame(await one.ask('tcp', '10.96.1.1', 81), ['ECONNREFUSED'])
      t.strictSame(await a.ask('tcp', '10.96.200.1', 80), ['ECONNREFUSED'])
      t.strictSame(await world.client.ask('tcp', one.lanAddress, 30081), ['ECONNREFUSED'])
    })

    await t.test('a Service without endpoints refuses at once', async t => {
      await tell([one, two], [{ ...web, endpoints: [] }])
      t.strictSame(await a.ask('tcp', '10.96.1.1', 80), ['ECONNREFUSED'])
      t.strictSame(await world.client.ask('tcp', one.lanAddress, 30080), ['ECONNREFUSED'])
    })

    await t.test('only ready endpoints answer; one that ends serves while no other is ready', async t => {
      const [first, second, third] = all
      const ending = { ready: false, serving: true, terminating: true }
      await tell(
        [one, two],
        [{ ...web, endpoints: [first!, { ...second!, ready: false, serving: false }, { ...third!, ...ending }] }],
      )
      t.strictSame(who(await a.ask('tcp', '10.96.1.1', 80, 20)), ['a'])
      await tell([one, two], [{ ...web, endpoints: [{ ...third!, ...ending }] }])
      t.strictSame(who(await a.ask('tcp', '10.96.1.1', 80, 5)), ['b'])
    })

    await t.test('what the node knows of its own pods goes before what it was told', async t => {
      await tell([one, two], [{ ...web, endpoints: all }])
      await one.proxy.setPodStates(new Map([['a', { ready: false, serving: true, terminating: true }]]))
      await one.proxy.applied()
      t.strictSame(who(await one.ask('tcp', '10.96.1.1', 80, 30)), ['b', 'd'])
      await one.proxy.setPodStates(new Map())
    })

    await t.test(
      'under the policy Local a client is seen as it is and stays on the node; nodes and pods reach all',
      async t => {
        await tell([one, two], [{ ...web, externalTrafficPolicy: 'Local', endpoints: all }])
        const answers = await world.client.ask('tcp', one.lanAddress, 30080, 30)
        t.strictSame(who(answers), ['a', 'd'])
        t.strictSame(seenFrom(answers), ['192.168.77.100'])
        t.strictSame(who(await a.ask('tcp', one.lanAddress, 30080, 40)), ['a', 'b', 'd'])
        t.strictSame(who(await one.ask('tcp', one.lanAddress, 30080, 40)), ['a', 'b', 'd'])
        await tell([one, two], [{ ...web, externalTrafficPolicy: 'Local', endpoints: all.slice(0, 2) }])
        t.strictSame(await world.client.ask('tcp', two.lanAddress, 30080), ['ECONNREFUSED'])
      },
    )

    await t.test('under the internal policy Local a pod stays on its node', async t => {
      await tell([one, two], [{ ...web, internalTrafficPolicy: 'Local', endpoints: all }])
      t.strictSame(who(await b.ask('tcp', '10.96.1.1', 80, 15)), ['b'])
      t.strictSame(who(await a.ask('tcp', '10.96.1.1', 80, 30)), ['a', 'd'])
    })

    await t.test('with affinity a client stays with its endpoint, and moves when that leaves', async t => {
      await tell([one, two], [{ ...web, sessionAffinitySeconds: 30, endpoints: all }])
      const [chosen] = who(await world.client.ask('tcp', one.lanAddress, 30080))
      t.strictSame(who(await world.client.ask('tcp', one.lanAddress, 30080, 20)), [chosen])
      t.equal(who(await a.ask('tcp', '10.96.1.1', 80, 20)).length, 1)
      const others = all.filter(endpoint => endpoint.podName !== chosen)
      await tell([one, two], [{ ...web, sessionAffinitySeconds: 30, endpoints: others }])
      const [next] = who(await world.client.ask('tcp', one.lanAddress, 30080, 20))
      t.not(next, chosen)
      await tell([one, two], [{ ...web, endpoints: all }])
      t.strictSame(who(await a.ask('tcp', '10.96.1.1', 80, 40)), ['a', 'b', 'd'])
    })

    await t.test('a UDP client that keeps its socket moves when its endpoint leaves', async t => {
      await tell([one, two], [{ ...web, endpoints: [all[0]!] }])
      const pinned = await world.client.serve('pin', one.lanAddress, '30080')
      t.match(await pinned.say('ask'), /^a /)
      await tell([one, two], [{ ...web, endpoints: [all[2]!] }])
      t.match(await pinned.say('ask'), /^b /)
      await pinned.end()
    })

    await t.test('a connection to a pod that vanished is reset when it is used', async t => {
      const echo = await b.serve('echo', '9000')
      const ports9000 = { ports: { http: 9000 } }
      const service = { ...web, ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: 30080 }] } as const
      await tell([one, two], [{ ...service, endpoints: [endpointOf(two, b, ports9000)] }])
      const held = await world.client.serve('hold', one.lanAddress, '30080')
      t.equal(await held.say('hello'), 'hello')
      await tell([one, two], [{ ...service, endpoints: [] }])
      t.equal(await held.say('hello again'), 'ECONNRESET')
      await echo.end()
      await tell([one, two], [{ ...web, endpoints: all }])
      t.strictSame(who(await world.client.ask('tcp', one.lanAddress, 30080, 40)), ['a', 'b', 'd'])
    })

    await t.test('nothing is amiss in the end', async t => {
      for (const node of [one, two]) t.strictSame(await node.proxy.troubles(), [])
    })
  })
