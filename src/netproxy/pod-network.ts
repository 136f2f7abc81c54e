import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describeError, Fault } from '../api/fault.ts'
import type { NodeNetwork } from '../core/nodes/assignment.ts'
import { formatCidr, parseCidr } from '../core/services/cidr.ts'
import type { LocalPod } from '../core/services/compile.ts'
import { compile } from '../core/services/compile.ts'
import { zoneOf } from '../core/services/dns-zone.ts'
import type { Neighbourhood } from '../core/services/neighbourhood.ts'
import type { AttachablePod, PodAddress, PodEndpointState, PodNetwork } from '../core/services/pod-network.ts'
import { bridgeName } from '../core/services/ruleset.ts'
import { seenHere } from '../core/services/seen-here.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import { workQueue } from '../lib/work-queue.ts'
import { addressBook } from './address-book.ts'
import { appliedGate } from './applied-gate.ts'
import { bridgeModeNow, ensureBridge, switchMode } from './bridge.ts'
import type { DataPlane } from './data-plane.ts'
import { nodeDns } from './dns/node-dns.ts'
import { passForeignFirewall, withdrawAccepts } from './foreign-firewall.ts'
import { hostChanges } from './host-changes.ts'
import { hostListeners } from './host-listeners.ts'
import type { HostLan } from './host-networks.ts'
import { describeOverlap, hostRoutes, readHostLan, refuseOverlap } from './host-networks.ts'
import { linksNow, portName } from './links.ts'
import { nftDataPlane, nftWorks } from './nft.ts'
import { isNotThere, isPlugged, plug, unplug } from './port.ts'
import { ourRoutes, routesWanted, setRoutes } from './routes.ts'
import { mustRun, type RunTool, runTool } from './run-tool.ts'
import { userspaceDataPlane } from './userspace/plane.ts'
import { serviceAddresses } from './userspace/service-addresses.ts'

export interface PodNetworkOptions {
  /** Where pod addresses are remembered, over reboots. */
  readonly stateFolder: string
  /** Where it is recorded what was changed on the host. */
  readonly runFolder: string
  readonly node: { readonly name: string }
  /** The device towards the LAN. Without it: that of the default route. */
  readonly lanInterface?: string
  /** DNS servers for names of elsewhere, `192.168.1.1` or `192.168.1.1#5353`. Without them: the host's own. */
  readonly dnsUpstream?: readonly string[]
  readonly clock: Clock
  /** 0 up to 1. */
  readonly random: () => number
  readonly log: Log
  readonly run?: RunTool
  /** Which data plane; by default the kernel's where nft works, userspace where it does not. */
  readonly dataPlane?: DataPlane['name']
  /** How often is looked at the host's routes, whether our rules are there, and whether they are whole. Milliseconds. */
  readonly audit?: { readonly watchMs: number; readonly presenceMs: number; readonly contentMs: number }
}

/** Changes that come within this time are one batch. */
const coalesceMs = 60
const auditDefault = { watchMs: 5000, presenceMs: 15_000, contentMs: 180_000 }

/*
 *   setNeighbourhood, setPodStates, attach, detach ──> 'apply' ──> compile ──> data plane, routes
 *   every 5 s ──> 'watch': the host's routes changed (another LAN, a cable out and in) ──> 'apply'
 *   every 15 s ──> 'presence';  every 3 min ──> 'content': what others took away comes back
 */

/**
 * The pod network of a node on the Linux kernel: a bridge, an address for each pod, Services by nftables, routes to the other nodes.
 * Nothing is done before `configure`. Everything stays in the kernel when the process ends, and is adopted by the next.
 *
 * @example const network = podNetwork({ stateFolder, runFolder, node: { name: 'pi-1' }, clock: systemClock, random: Math.random, log })
 */
export const podNetwork = (of: PodNetworkOptions): PodNetwork => {
  const run = of.run ?? runTool
  const auditTimes = of.audit ?? auditDefault
  const book = addressBook(join(of.stateFolder, 'pod-addresses.json'))
  const changes = hostChanges(join(of.runFolder, 'host-changes.json'))
  const gate = appliedGate()
  /** uid -> inode of the namespace it was plugged into by this process. */
  const plugged = new Map<string, number>()
  const dns = nodeDns({ ...of, run })
  let network: NodeNetwork | undefined
  let lan: HostLan | undefined
  let plane: DataPlane | undefined
  let neighbourhood: Neighbourhood | undefined
  let podStates: ReadonlyMap<string, PodEndpointState> = new Map()
  let mode: 'isolated' | 'bridged' = 'isolated'
  const troubles = new Map<string, readonly string[]>()
  /** The routes that were set last, as text. */
  let routesSet: string | undefined
  /** The host's routes when they were last looked at. */
  let routesSeen = ''
  let isLoaded = false

  const load = async (): Promise<void> => {
    if (isLoaded) return
    await changes.load()
    await book.load()
    isLoaded = true
  }

  const attached = (): ReadonlyMap<string, PodAddress> => {
    if (book.range === undefined) return new Map()
    const links = linksNow()
    return new Map(
      [...book.entries()].filter(([uid]) => links.has(portName(uid))).map(([uid, { ip }]) => [uid, { ip }] as const),
    )
  }

  const localPods = (): readonly LocalPod[] =>
    [...attached()].map(([uid, { ip }]) => ({ uid, ip, hostPorts: book.entries().get(uid)?.hostPorts ?? [] }))

  const apply = async (): Promise<void> => {
    if (network === undefined || plane === undefined || lan === undefined) return
    const asked = gate.asked
    const known = neighbourhood ?? { format: 1, services: [], peers: [] }
    try {
      const here = { neighbourhood: known, node: of.node.name, network, localPods: localPods(), podStates }
      // In userspace the listeners are our own, and a taken port says so itself.
      const plan = compile(
        plane.name === 'nftables' ? { ...here, hostListeners: await hostListeners([network.dnsAddress]) } : here,
      )
      troubles.set('services', plan.refused)
      if (neighbourhood !== undefined) dns.setZone(zoneOf(seenHere(here), network))
      await plane.apply(plan, { whole: neighbourhood !== undefined })
      if (neighbourhood !== undefined) {
        const wanted = routesWanted(network, neighbourhood.peers, lan)
        troubles.set('routes', wanted.concerns)
        const text = JSON.stringify([...wanted.routes])
        if (text !== routesSet) await setRoutes(run, wanted)
        routesSet = text
      }
      troubles.delete('apply')
      gate.done(asked)
    } catch (error) {
      troubles.set('apply', [describeError(error)])
      gate.failed(asked, error)
      throw error
    }
  }

  const audit = async (depth: 'presence' | 'content'): Promise<void> => {
    if (network === undefined || plane === undefined) return
    const found = await plane.audit(depth)
    if (found !== undefined)
      of.log.warn('the rules of Services were changed by somebody else and are restored', { found })
    if (depth === 'presence') return
    await lookAtLan(network)
    const now = await bridgeModeNow()
    if (now !== mode) {
      mode = now
      await switchMode(run, [...attached().keys()].map(portName), mode)
    }
    await letThrough(network)
    queue.add('dns')
    ask()
  }

  /** What the host is connected to now; and whether that is still beside our own addresses. */
  const lookAtLan = async (of_: NodeNetwork): Promise<void> => {
    lan = await readHostLan(run, of.lanInterface)
    routesSet = undefined
    const overlap = describeOverlap(of_, lan)
    troubles.set('overlap', overlap === undefined ? [] : [overlap.text])
  }

  const watch = async (): Promise<void> => {
    const now = await hostRoutes()
    if (network === undefined || now === routesSeen) return
    routesSeen = now
    await lookAtLan(network)
    ask()
  }

  const letThrough = async (of_: NodeNetwork): Promise<void> => {
    const { done, failed } = await passForeignFirewall({ run, changes }, of_.dnsAddress)
    for (const what of done) of.log.info('another firewall was told of the pods', { what })
    troubles.set('firewall', failed)
  }

  const queue = workQueue({
    clock: of.clock,
    run: async key => {
      if (key === 'apply') {
        await apply()
        return undefined
      }
      if (key === 'dns') {
        if (network !== undefined) await dns.start(network)
        return undefined
      }
      if (key === 'watch') {
        await watch()
        return auditTimes.watchMs
      }
      await audit(key === 'presence' ? 'presence' : 'content')
      return key === 'presence' ? auditTimes.presenceMs : auditTimes.contentMs
    },
    onError: (key, error) =>
      of.log.error('the pod network is not as it should be', { step: key, error: describeError(error) }),
  })

  const ask = (): void => {
    gate.ask()
    queue.add('apply', coalesceMs)
  }

  return {
    async configure(wanted) {
      const range = parseCidr(wanted.podCIDR)
      if (range === undefined || range.bits > 29)
        throw new Fault(
          'Invalid',
          `podCIDR "${wanted.podCIDR}" is no range for pods: a range such as 10.64.0.128/25 was expected`,
        )
      await load()
      const hostLan = await readHostLan(run, of.lanInterface)
      refuseOverlap(wanted, hostLan)
      if (book.range !== undefined && formatCidr(book.range) !== formatCidr(range)) {
        const count = attached().size
        if (count > 0)
          throw new Fault(
            'Conflict',
            `the pod range cannot change from ${formatCidr(book.range)} to ${wanted.podCIDR} while ${count} pods are attached: drain the node first`,
          )
      }
      if (network !== undefined && JSON.stringify(network) === JSON.stringify(wanted)) return
      await book.useRange(range)
      lan = hostLan
      // Written only where it differs: it resets the forwarding of every device.
      await changes.setSysctl('net/ipv4/ip_forward', '1')
      // Packets out of window would leave with addresses not translated, and end connections.
      await changes.setSysctl('net/netfilter/nf_conntrack_tcp_be_liberal', '1')
      await ensureBridge({ run, changes }, { range, mtu: hostLan.mtu })
      mode = await bridgeModeNow()
      await switchMode(run, [...attached().keys()].map(portName), mode)
      plane ??= await choosePlane()
      await plane.prepare(wanted)
      if ((await ourRoutes(run)).length === 0) await setRoutes(run, routesWanted(wanted, [], hostLan))
      network = wanted
      queue.add('dns')
      await letThrough(wanted)
      ask()
      queue.add('watch', auditTimes.watchMs)
      queue.add('presence', auditTimes.presenceMs)
      queue.add('content', auditTimes.contentMs)
    },

    async attach(pod: AttachablePod) {
      if (network === undefined || book.range === undefined || lan === undefined)
        throw new Fault('Unavailable', 'the pod network is not set up yet: it needs the ranges of the first assignment')
      const ip = await book.give(pod.uid, pod.hostPorts)
      const want = { uid: pod.uid, netnsPath: pod.netnsPath, ip, range: book.range, mtu: lan.mtu, mode }
      const inode = await inodeOf(pod.netnsPath)
      const isThere = linksNow().has(portName(pod.uid)) && plugged.get(pod.uid) === inode && inode !== undefined
      if (!isThere && !(await isPlugged(run, want))) await plug(run, want)
      if (inode !== undefined) plugged.set(pod.uid, inode)
      ask()
      return { ip }
    },

    async detach(uid, { forget }) {
      plugged.delete(uid)
      await unplug(run, uid)
      if (forget) await book.forget(uid)
      ask()
    },

    attached,

    setNeighbourhood(now) {
      neighbourhood = now
      ask()
    },

    setPodStates(states) {
      if (isSameStates(podStates, states)) return
      podStates = new Map(states)
      ask()
    },

    applied: () => gate.applied(),

    troubles: () => [...troubles.values(), plane?.troubles() ?? [], dns.troubles()].flat(),

    async close() {
      await queue.close()
      gate.failed(gate.asked, new Fault('Unavailable', 'the pod network was closed before all of it was in force'))
      await dns.close()
      await plane?.close()
    },

    async takeDown() {
      await queue.close()
      await load()
      plane ??= await choosePlane()
      await plane.close()
      await plane.takeDown()
      await dns.takeDown()
      const links = [...linksNow()].filter(name => /^d[lt][0-9a-f]{12}$/.test(name) || name === bridgeName)
      for (const name of links) await mustRun(run, 'ip', ['link', 'del', name], undefined, isNotThere)
      await setRoutes(run, { routes: new Map(), concerns: [] })
      await withdrawAccepts(run, changes.accepts())
      for (const what of await changes.putBack()) of.log.warn('not put back', { what })
      await book.clear()
      network = undefined
      plugged.clear()
    },
  }

  async function choosePlane(): Promise<DataPlane> {
    const why =
      of.dataPlane === 'userspace'
        ? 'it was asked for'
        : await nftWorks(run).catch((error: unknown) => describeError(error))
    if (why === undefined || of.dataPlane === 'nftables') return nftDataPlane({ run, log: of.log })
    of.log.warn('Services are carried in userspace', { why })
    return userspaceDataPlane({ ...of, why, serviceAddresses: serviceAddresses(run) })
  }
}

const isSameStates = (a: ReadonlyMap<string, PodEndpointState>, b: ReadonlyMap<string, PodEndpointState>): boolean =>
  a.size === b.size &&
  [...a].every(([uid, one]) => {
    const other = b.get(uid)
    return other?.ready === one.ready && other.serving === one.serving && other.terminating === one.terminating
  })

const inodeOf = async (path: string): Promise<number | undefined> => {
  try {
    return (await stat(path)).ino
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
