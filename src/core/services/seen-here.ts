import type { NodeNetwork } from '../nodes/assignment.ts'
import { contains, parseCidr, parseIp } from './cidr.ts'
import type { EndpointEntry, Neighbourhood } from './neighbourhood.ts'
import type { PodEndpointState } from './pod-network.ts'

/**
 * The neighbourhood as a node itself sees it: endpoints of its own pods by what it knows of them, none of its own range without
 * a pod behind it, none that is no IPv4 address.
 */
export const seenHere = (of: {
  readonly neighbourhood: Neighbourhood
  readonly node: string
  readonly network: NodeNetwork
  readonly localPods: readonly { readonly ip: string }[]
  readonly podStates: ReadonlyMap<string, PodEndpointState>
}): Neighbourhood => {
  const range = parseCidr(of.network.podCIDR)
  const attached = new Set(of.localPods.map(pod => pod.ip))
  const now = (endpoint: EndpointEntry): readonly EndpointEntry[] => {
    const address = parseIp(endpoint.address)
    if (address === undefined) return []
    // The pod is gone, whatever others still say.
    if (range !== undefined && contains(range, address) && !attached.has(endpoint.address)) return []
    const state = endpoint.podUid === undefined ? undefined : of.podStates.get(endpoint.podUid)
    return [state === undefined || endpoint.node !== of.node ? endpoint : { ...endpoint, ...state }]
  }
  const services = of.neighbourhood.services.map(service => ({ ...service, endpoints: service.endpoints.flatMap(now) }))
  return { ...of.neighbourhood, services }
}
