import { networkInterfaces } from 'node:os'
import { describeError } from '../../api/fault.ts'
import { contains, parseCidr, parseIp } from '../../core/services/cidr.ts'
import type { ForwardingPlan, Frontend } from '../../core/services/compile.ts'
import { placeOf } from '../../core/services/compile.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { DataPlane } from '../data-plane.ts'
import { targetChoice } from './choose-target.ts'
import type { Listener } from './listener.ts'
import type { ServiceAddresses } from './service-addresses.ts'
import { tcpListener } from './tcp-listener.ts'
import { udpListener } from './udp-listener.ts'

/*
 *   plan ──> places (each frontend on its address, or on each of the node's) ──> a listener each
 *   a client ──> the frontend of that place in the newest plan ──> a target by lot ──> carried
 */

/**
 * The data plane for hosts where nft does not work: listeners that carry connections. It costs two to three times the CPU, stops
 * while the process is away, and shows endpoints the node in place of the client.
 */
export const userspaceDataPlane = (of: {
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
  /** Why the kernel does not do it, for people. */
  readonly why: string
  /** Holds Service addresses on this node. Absent: only the node's own ports are served. */
  readonly serviceAddresses?: ServiceAddresses
  /** Addresses of this node; by default those of its devices. */
  readonly nodeAddresses?: () => readonly string[]
}): DataPlane => {
  const listeners = new Map<string, Listener>()
  /** Places that are no more, with connections that still are. */
  let retired: readonly Listener[] = []
  const refused = new Map<string, string>()
  let frontends = new Map<string, Frontend>()
  let plan: ForwardingPlan = { frontends: [], localPods: [], known: new Set(), refused: [] }
  let podRange = parseCidr('0.0.0.0/32')
  const nodeAddresses = of.nodeAddresses ?? addressesOfDevices

  const isInside = (client: string): boolean => {
    const address = parseIp(client.replace('::ffff:', ''))
    return (
      nodeAddresses().includes(client) ||
      (address !== undefined && podRange !== undefined && contains(podRange, address))
    )
  }
  const choice = targetChoice({ ...of, isInside })

  /** `address protocol port` -> the frontend met there. */
  const placesOf = (now: ForwardingPlan): Map<string, Frontend> => {
    const places = new Map<string, Frontend>()
    const served = now.frontends.filter(one => one.targets.length + (one.insideTargets?.length ?? 0) > 0)
    const own = nodeAddresses()
    for (const one of served) {
      const addresses = one.address === undefined ? own : [one.address]
      if (one.address !== undefined && of.serviceAddresses === undefined && !own.includes(one.address)) continue
      for (const address of addresses) {
        const place = placeOf({ ...one, address })
        if (!places.has(place)) places.set(place, one)
      }
    }
    return places
  }

  const open = async (place: string): Promise<void> => {
    const [address = '', protocol, port] = place.split(' ')
    const options = {
      address,
      port: Number(port),
      targetsFor: (client: string) => {
        const frontend = frontends.get(place)
        return frontend === undefined ? [] : choice.targetsFor(frontend, client)
      },
      onError: (error: unknown) => of.log.warn('a Service’s listener', { place, error: describeError(error) }),
    }
    const listener = protocol === 'udp' ? udpListener({ ...options, clock: of.clock }) : tcpListener(options)
    try {
      await listener.start()
      listeners.set(place, listener)
      refused.delete(place)
    } catch (error) {
      refused.set(place, `${frontends.get(place)?.name} cannot be served at ${place}: ${describeError(error)}`)
    }
  }

  const bring = async (now: ForwardingPlan): Promise<void> => {
    plan = now
    frontends = placesOf(now)
    const own = nodeAddresses()
    const held = [...frontends.values()].flatMap(one => one.address ?? []).filter(address => !own.includes(address))
    await of.serviceAddresses?.hold(new Set(held))
    for (const [place, listener] of listeners) {
      if (frontends.has(place)) continue
      listeners.delete(place)
      await listener.retire()
      retired = [...retired, listener]
    }
    for (const place of refused.keys()) if (!frontends.has(place)) refused.delete(place)
    for (const place of frontends.keys()) if (!listeners.has(place)) await open(place)
    for (const listener of [...listeners.values(), ...retired]) listener.drop(address => !now.known.has(address))
    retired = retired.filter(listener => listener.isBusy)
  }

  const close = async (): Promise<void> => {
    const all = [...listeners.values(), ...retired]
    listeners.clear()
    retired = []
    await Promise.all(all.map(listener => listener.close()))
  }

  return {
    name: 'userspace',
    async prepare(network) {
      podRange = parseCidr(network.podCIDR)
    },
    async apply(now) {
      await bring(now)
    },
    async audit(depth) {
      // Addresses of the node come and go, and ports that were taken come free.
      if (depth === 'content') await bring(plan)
      return undefined
    },
    troubles: () => [
      `Services are carried by the agent itself, not by the kernel: ${of.why}. Pods reach beyond this node only where there is a route back`,
      ...refused.values(),
    ],
    close,
    async takeDown() {
      await close()
      await of.serviceAddresses?.hold(new Set())
    },
  }
}

const addressesOfDevices = (): readonly string[] =>
  Object.entries(networkInterfaces()).flatMap(([device, addresses]) =>
    (addresses ?? [])
      .filter(one => one.family === 'IPv4' && (device !== 'lo' || one.address.startsWith('127.')))
      .filter(() => !device.startsWith('lo:'))
      .map(one => one.address),
  )
