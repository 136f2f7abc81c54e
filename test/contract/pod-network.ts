import type { Test } from 'tap'
import { isFault } from '../../src/api/fault.ts'
import type { NodeNetwork } from '../../src/core/nodes/assignment.ts'
import type { AttachablePod, PodNetwork } from '../../src/core/services/pod-network.ts'

export const aNetwork: NodeNetwork = {
  podCIDR: '10.64.0.128/25',
  clusterCIDR: '10.64.0.0/11',
  serviceCIDR: '10.96.0.0/16',
  dnsAddress: '10.96.0.10',
  domain: 'cluster.local',
}

/** The port, where answers may also come later (a pod network in another process). */
export type MaybeRemote = {
  readonly [method in keyof PodNetwork]: (
    ...args: Parameters<PodNetwork[method]>
  ) => ReturnType<PodNetwork[method]> | Promise<Awaited<ReturnType<PodNetwork[method]>>>
}

/** What a run of the suite needs: a network that nothing is attached to, and pods with a namespace of their own. */
export interface PodNetworkWorld {
  readonly network: MaybeRemote
  pod(uid: string): Promise<AttachablePod>
}

/** What every pod network does. Each sentence gets a world of its own. */
export const podNetworkContract = (t: Test, world: (t: Test) => Promise<PodNetworkWorld>): void => {
  t.test('a pod gets an address of the range, and the same one when asked again', async t => {
    const { network, pod } = await world(t)
    await network.configure(aNetwork)
    const first = await network.attach(await pod('one'))
    t.match(first.ip, /^10\.64\.0\.(129|1[3-9]\d|2[0-4]\d|25[0-4])$/)
    t.strictSame(await network.attach(await pod('one')), first)
    t.strictSame([...(await network.attached())], [['one', first]])
  })

  t.test('two pods have different addresses, none of them the bridge’s', async t => {
    const { network, pod } = await world(t)
    await network.configure(aNetwork)
    const ips = [(await network.attach(await pod('one'))).ip, (await network.attach(await pod('two'))).ip]
    t.equal(new Set(ips).size, 2)
    t.notOk(ips.includes('10.64.0.129'))
  })

  t.test('an address outlives being detached, until it is forgotten', async t => {
    const { network, pod } = await world(t)
    await network.configure(aNetwork)
    const before = await network.attach(await pod('one'))
    await network.detach('one', { forget: false })
    t.equal((await network.attached()).size, 0)
    t.not((await network.attach(await pod('two'))).ip, before.ip)
    t.strictSame(await network.attach(await pod('one')), before)
    await network.detach('one', { forget: true })
    t.notOk((await network.attached()).has('one'))
  })

  t.test('detaching what was never attached is no error', async t => {
    const { network } = await world(t)
    await network.configure(aNetwork)
    await network.detach('nobody', { forget: true })
    t.equal((await network.attached()).size, 0)
  })

  t.test('attaching before the ranges are known is refused and may be tried again', async t => {
    const { network, pod } = await world(t)
    const one = await pod('one')
    t.ok(isFault(await refusalOf(network.attach(one)), 'Unavailable'))
    await network.configure(aNetwork)
    t.ok((await network.attach(one)).ip)
  })

  t.test('the range may change while no pod is attached, and is kept while one is', async t => {
    const { network, pod } = await world(t)
    await network.configure(aNetwork)
    await network.configure(aNetwork)
    await network.attach(await pod('one'))
    const moved = { ...aNetwork, podCIDR: '10.64.1.0/25' }
    t.ok(isFault(await refusalOf(network.configure(moved)), 'Conflict'))
    await network.detach('one', { forget: true })
    await network.configure(moved)
    t.match((await network.attach(await pod('one'))).ip, /^10\.64\.1\./)
  })

  t.test('a neighbourhood comes into force', async t => {
    const { network } = await world(t)
    await network.configure(aNetwork)
    await network.setNeighbourhood({ format: 1, services: [], peers: [] })
    await network.setPodStates(new Map([['one', { ready: false, serving: false, terminating: true }]]))
    await network.applied()
    t.strictSame(await network.troubles(), [])
  })

  t.test('taken down, nothing is attached', async t => {
    const { network, pod } = await world(t)
    await network.configure(aNetwork)
    await network.attach(await pod('one'))
    await network.takeDown()
    t.equal((await network.attached()).size, 0)
  })
}

const refusalOf = (act: Promise<unknown>): Promise<unknown> =>
  act.then(
    () => undefined,
    (error: unknown) => error,
  )
