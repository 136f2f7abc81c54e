import type { NodeNetwork } from '../nodes/assignment.ts'
import { formatCidr, overlaps, parseCidr } from './cidr.ts'

/** A network that this host is in, or has a route to. */
export interface HostNetwork {
  /** `192.168.1.20/24` or the destination of a route. */
  readonly cidr: string
  readonly device: string
  /** Whether it is a bridge of this host for its own containers or machines: then only this node's own ranges matter. */
  readonly isInside: boolean
}

export interface Overlap {
  readonly what: 'pod addresses of this node' | 'pod addresses' | 'service addresses'
  readonly range: string
  readonly with: HostNetwork
}

/**
 * The first of the host's networks that shares addresses with ours, or undefined. Packets for one would go to the other.
 *
 * @example findOverlap(network, [{ cidr: '10.70.1.2/16', device: 'eth0', isInside: false }])?.range // '10.64.0.0/11'
 */
export const findOverlap = (network: NodeNetwork, host: readonly HostNetwork[]): Overlap | undefined => {
  const ours = [
    { what: 'pod addresses of this node', range: network.podCIDR, isForAll: true },
    { what: 'service addresses', range: network.serviceCIDR, isForAll: true },
    { what: 'pod addresses', range: network.clusterCIDR, isForAll: false },
  ] as const
  for (const { what, range, isForAll } of ours.toSorted((a, b) => Number(a.isForAll) - Number(b.isForAll))) {
    const own = parseCidr(range)
    if (own === undefined) continue
    for (const one of host) {
      const theirs = parseCidr(one.cidr)
      if (theirs === undefined || (one.isInside && !isForAll)) continue
      if (overlaps(own, theirs)) return { what, range: formatCidr(own), with: { ...one, cidr: formatCidr(theirs) } }
    }
  }
  return undefined
}
