import type { NodeNetwork } from '../core/nodes/assignment.ts'
import { formatCidr, parseCidr } from '../core/services/cidr.ts'
import type { Peer } from '../core/services/neighbourhood.ts'
import { gatewayOf } from '../core/services/pod-addresses.ts'
import { bridgeName } from '../core/services/ruleset.ts'
import type { HostLan } from './host-networks.ts'
import { isOnLink, routeProtocol } from './host-networks.ts'
import type { RunTool } from './run-tool.ts'
import { mustRun } from './run-tool.ts'

export interface RoutesWanted {
  /** Destination -> the rest of the route, as `ip` writes it. */
  readonly routes: ReadonlyMap<string, string>
  /** Peers that cannot be reached, in words. */
  readonly concerns: readonly string[]
}

/**
 * The routes of this node: services to the bridge (so that its own processes reach them, on a LAN without a gateway too),
 * each peer's pods to that peer on the LAN, and no way for any other pod address: it is not the router's business.
 */
export const routesWanted = (network: NodeNetwork, peers: readonly Peer[], lan: HostLan): RoutesWanted => {
  const own = parseCidr(network.podCIDR)
  const routes = new Map<string, string>()
  const concerns: string[] = []
  if (own !== undefined) {
    const service = parseCidr(network.serviceCIDR)
    if (service !== undefined) routes.set(formatCidr(service), `dev ${bridgeName} src ${gatewayOf(own)}`)
  }
  const cluster = parseCidr(network.clusterCIDR)
  for (const peer of peers) {
    const range = parseCidr(peer.podCIDR)
    if (range === undefined || (own !== undefined && formatCidr(range) === formatCidr(own))) continue
    const address = peer.addresses.find(one => isOnLink(lan, one))
    if (address !== undefined) routes.set(formatCidr(range), `via ${address}`)
    else
      concerns.push(
        `pods on node ${peer.node} cannot be reached: none of its addresses (${peer.addresses.join(', ') || 'it has none'}) is on a network of this node`,
      )
  }
  if (cluster !== undefined && !routes.has(formatCidr(cluster)))
    routes.set(`unreachable ${formatCidr(cluster)}`, 'metric 4278198272')
  return { routes, concerns }
}

/** Makes the routes of our number exactly those. Others are never touched. */
export const setRoutes = async (run: RunTool, wanted: RoutesWanted): Promise<void> => {
  const before = new Set(await ourRoutes(run))
  const adds = [...wanted.routes].map(([to, how]) => `route replace ${to} ${how} proto ${routeProtocol}`)
  const stale = [...before].filter(to => !wanted.routes.has(to)).map(to => `route del ${to} proto ${routeProtocol}`)
  const lines = [...stale, ...adds]
  if (lines.length > 0) await mustRun(run, 'ip', ['-force', '-batch', '-'], `${lines.join('\n')}\n`)
}

/** Destinations of our routes now, `unreachable …` with its word. */
export const ourRoutes = async (run: RunTool): Promise<readonly string[]> => {
  const shown = await mustRun(run, 'ip', ['-4', 'route', 'show', 'table', 'main', 'proto', routeProtocol])
  return shown
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '')
    .map(line => {
      const [first = '', second = ''] = line.split(/\s+/)
      const isUnreachable = first === 'unreachable'
      const to = isUnreachable ? second : first
      return `${isUnreachable ? 'unreachable ' : ''}${to.includes('/') ? to : `${to}/32`}`
    })
}
