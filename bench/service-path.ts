import { endpointOf, tell } from '../test/real/netproxy-cluster.ts'
import { lab } from '../test/real/netproxy-lab.ts'
import { compare, report } from './measure.ts'

/*
 * What a Service costs: a client on the LAN talks to a pod by its address (a route is all there is between them), through a NodePort
 * of the kernel, and through a NodePort in userspace. Network namespaces on this machine; client and pod are Node processes. Needs root.
 */
const ends: (() => unknown)[] = []
const world = await lab({
  teardown: end => {
    ends.push(end)
  },
})
try {
  const ports = [
    { name: 'source', protocol: 'TCP', port: 7000, nodePort: 30700 },
    { name: 'echo', protocol: 'TCP', port: 9000, nodePort: 30900 },
    { name: 'serve', protocol: 'TCP', port: 8080, nodePort: 30808 },
  ] as const
  const kernel = await world.node(1, { dataPlane: 'nftables' })
  const userspace = await world.node(2, { dataPlane: 'userspace' })
  const pods = []
  for (const node of [kernel, userspace]) {
    const pod = await node.pod(`pod-of-${node.nodeName}`)
    for (const words of [
      ['source', '7000'],
      ['echo', '9000'],
      ['serve', 'pod', '8080'],
    ])
      await pod.serve(...words)
    const service = {
      namespace: 'default', name: 'bench', uid: 'bench', type: 'NodePort', clusterIP: '10.96.1.1', ports,
      externalTrafficPolicy: 'Cluster', internalTrafficPolicy: 'Cluster', publishNotReadyAddresses: false,
      endpoints: [endpointOf(node, pod, { ports: { source: 7000, echo: 9000, serve: 8080 } })],
    } as const // biome-ignore format: one Service
    await tell([node], [service])
    pods.push(pod)
  }
  const direct = pods[0]?.ip ?? ''
  await world.client.read('ip', 'route', 'add', kernel.network.podCIDR, 'via', kernel.lanAddress)

  /** The three ways, each asked for the same. */
  const ways = (port: number, nodePort: number, ask: (address: string, port: number) => Promise<number>) => [
    { name: 'pod’s address, directly', run: () => ask(direct, port) },
    { name: 'NodePort, nftables', run: () => ask(kernel.lanAddress, nodePort) },
    { name: 'NodePort, userspace', run: () => ask(userspace.lanAddress, nodePort) },
  ]
  const watch = (...words: readonly (string | number)[]) => world.client.watch(...words.map(String))

  report(
    'service path throughput',
    'Gb/s, one connection',
    await compare(
      ways(7000, 30700, async (address, port) => (Number(await watch('drink', address, port, 1500)) * 8) / 1e9),
      7,
    ),
  )
  report(
    'service path p99',
    'microseconds, one byte there and back, 5000 times',
    await compare(
      ways(9000, 30900, async (address, port) => {
        const { p99 } = JSON.parse(await watch('ping', address, port, 5000)) as { readonly p99: number }
        return p99
      }),
      7,
    ),
  )
  report(
    'service path connections',
    'new connections a second, one client',
    await compare(
      ways(8080, 30808, async (address, port) => {
        const { good } = JSON.parse(await watch('storm', address, port, 1500)) as { readonly good: number }
        return good / 1.5
      }),
      5,
    ),
  )
} finally {
  for (const end of ends.toReversed()) await end()
}
