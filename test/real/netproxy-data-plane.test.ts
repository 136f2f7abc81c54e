import t from 'tap'
import { dataPlaneContract } from '../contract/data-plane.ts'
import { endpointOf, tell } from './netproxy-cluster.ts'
import { lab } from './netproxy-lab.ts'

for (const dataPlane of ['nftables', 'userspace'] as const)
  t.test(`the data plane of ${dataPlane}`, async t => {
    const world = await lab(t)
    const node = await world.node(1, { dataPlane })
    const a = await node.pod('a')
    const b = await node.pod('b')
    const asker = await node.pod('asker')
    for (const pod of [a, b]) {
      await pod.serve('serve', pod.uid, '8080')
      await pod.serve('echo', '9000')
    }
    const names = (answers: readonly string[]) => answers.map(answer => answer.split(' ')[0] ?? '')
    await dataPlaneContract(t, {
      endpoints: [endpointOf(node, a), endpointOf(node, b)],
      set: services => tell([node], services),
      ask: async (protocol, port, count) => names(await world.client.ask(protocol, node.lanAddress, port, count)),
      askInside: async (protocol, address, port, count) => names(await asker.ask(protocol, address, port, count)),
      hold: port => world.client.serve('hold', node.lanAddress, String(port)),
    })
    await t.test('taken down, it leaves no address and no table', async t => {
      await node.proxy.takeDown()
      t.equal((await node.read('ip', '-4', '-o', 'addr', 'show', 'dev', 'lo')).trim().split('\n').length, 1)
      t.equal(await node.read('nft', 'list', 'ruleset'), '')
    })
  })
