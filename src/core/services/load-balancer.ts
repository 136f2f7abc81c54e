import type { LoadBalancerIngress, Node, Service } from '../../api/types.ts'
import { isNodeReady } from '../scheduling/node-filters.ts'

/**
 * The addresses at which a LoadBalancer Service answers: those of the ready nodes, which all listen on its port.
 * Empty for every other type.
 *
 * @example loadBalancerIngress(service, nodes) // [{ ip: '192.168.1.20' }]
 */
export const loadBalancerIngress = (service: Service, nodes: readonly Node[]): readonly LoadBalancerIngress[] => {
  if (service.spec?.type !== 'LoadBalancer') return []
  const addresses = nodes.filter(isNodeReady).flatMap(node => {
    const known = node.status?.addresses ?? []
    const best = known.find(one => one.type === 'InternalIP') ?? known.find(one => one.type === 'ExternalIP')
    return best === undefined ? [] : [best.address]
  })
  return [...new Set(addresses)].toSorted().map(ip => ({ ip }))
}
