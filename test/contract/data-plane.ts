import type { Test } from 'tap'
import type { EndpointEntry, ServiceEntry } from '../../src/core/services/neighbourhood.ts'
import { aService } from '../core/services/a-service.ts'

/**
 * What a run of the suite needs: a node with two pods, a client outside, and a Service's endpoints to be set. Each pod serves its name on
 * 8080 by TCP and UDP, and echoes on 9000.
 */
export interface DataPlaneWorld {
  readonly endpoints: readonly EndpointEntry[]
  /** Puts these Services into force. */
  set(services: readonly ServiceEntry[]): Promise<void>
  /** Names of who answered, one a request; or the error code. From outside the node. */
  ask(protocol: 'tcp' | 'udp', port: number, count?: number): Promise<readonly string[]>
  /** The same from a pod of the node, to an address of a Service. */
  askInside(protocol: 'tcp' | 'udp', address: string, port: number, count?: number): Promise<readonly string[]>
  /** A connection from outside, held: each line said comes back, or the error code does. */
  hold(port: number): Promise<{ say(line: string): Promise<string> }>
}

const ports = [
  { name: 'http', protocol: 'TCP', port: 80, nodePort: 30080 },
  { name: 'echo', protocol: 'UDP', port: 80, nodePort: 30080 },
] as const

const at = (endpoint: EndpointEntry, change: Partial<EndpointEntry> = {}): EndpointEntry => ({
  ...endpoint,
  ports: { http: 8080, echo: 8080 },
  ...change,
})

const each = (answers: readonly string[]): readonly string[] => [...new Set(answers)].toSorted()

/** What every data plane does. One world for all sentences, in order. */
export const dataPlaneContract = async (t: Test, world: DataPlaneWorld): Promise<void> => {
  const [first, second] = world.endpoints
  if (first === undefined || second === undefined) throw new Error('two endpoints are needed')
  const names = [first.podName ?? '', second.podName ?? ''].toSorted()
  const web = aService({ type: 'LoadBalancer', ports })

  await t.test('a node port and a load balancer’s port answer from every ready endpoint, by TCP and UDP', async t => {
    await world.set([{ ...web, endpoints: [at(first), at(second)] }])
    for (const protocol of ['tcp', 'udp'] as const)
      for (const port of [30080, 80])
        t.strictSame(each(await world.ask(protocol, port, 40)), names, `${protocol} ${port}`)
  })

  await t.test('a pod of the node reaches the Service by its address', async t => {
    for (const protocol of ['tcp', 'udp'] as const)
      t.strictSame(each(await world.askInside(protocol, '10.96.1.1', 80, 40)), names, protocol)
  })

  await t.test('an endpoint that is not ready gets no new client', async t => {
    await world.set([{ ...web, endpoints: [at(first), at(second, { ready: false, serving: false })] }])
    for (const protocol of ['tcp', 'udp'] as const)
      t.strictSame(each(await world.ask(protocol, 30080, 20)), [first.podName])
  })

  await t.test('without endpoints a client is refused, and back again it is served', async t => {
    await world.set([{ ...web, endpoints: [] }])
    t.strictSame(await world.ask('tcp', 30080), ['ECONNREFUSED'])
    await world.set([{ ...web, endpoints: [at(second)] }])
    t.strictSame(await world.ask('tcp', 30080), [second.podName])
  })

  await t.test('under the policy Local only pods of this node answer from outside', async t => {
    const away = { ...at(second), address: '10.64.9.9', node: 'another' }
    await world.set([{ ...web, externalTrafficPolicy: 'Local', endpoints: [at(first), away] }])
    t.strictSame(each(await world.ask('tcp', 30080, 20)), [first.podName])
  })

  await t.test('with affinity a client stays with one endpoint, and gets another when that leaves', async t => {
    const sticky = { ...web, sessionAffinitySeconds: 60 }
    await world.set([{ ...sticky, endpoints: [at(first), at(second)] }])
    const [chosen, ...more] = each(await world.ask('tcp', 30080, 20))
    t.strictSame(more, [])
    const other = [first, second].find(one => one.podName !== chosen)
    await world.set([{ ...sticky, endpoints: other === undefined ? [] : [at(other)] }])
    t.strictSame(each(await world.ask('tcp', 30080, 5)), [other?.podName])
  })

  await t.test('a connection outlives a change elsewhere, and that its endpoint is not ready for a while', async t => {
    const echo = (change: Partial<EndpointEntry> = {}) => ({ ...first, ports: { http: 9000 }, ...change })
    const service = { ...web, ports: [ports[0]] }
    await world.set([{ ...service, endpoints: [echo()] }])
    const held = await world.hold(30080)
    t.equal(await held.say('one'), 'one')
    await world.set([
      { ...service, endpoints: [echo({ ready: false })] },
      aService({ name: 'other', clusterIP: '10.96.1.9' }),
    ])
    t.equal(await held.say('two'), 'two')
  })

  await t.test('a Service that is deleted is no longer met', async t => {
    await world.set([])
    t.strictSame(await world.ask('tcp', 30080), ['ECONNREFUSED'])
    t.strictSame(await world.ask('tcp', 80), ['ECONNREFUSED'])
  })
}
