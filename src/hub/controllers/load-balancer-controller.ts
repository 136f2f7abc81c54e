import type { Node, Service } from '../../api/types.ts'
import { isNodeReady } from '../../core/scheduling/node-filters.ts'
import { loadBalancerIngress } from '../../core/services/load-balancer.ts'
import { keyOf } from '../../core/workloads/pod-facts.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'
import type { Controller, ControllerParts } from './controller.ts'
import { keyParts, runController } from './controller.ts'

const isLoadBalancer = (service: Service | undefined): boolean =>
  service !== undefined &&
  (service.spec?.type === 'LoadBalancer' || service.status?.loadBalancer?.ingress !== undefined)

/** Keeps the external addresses of LoadBalancer Services equal to those of the ready nodes. */
export const loadBalancerController = (parts: ControllerParts): Controller => {
  const { objects } = parts
  return runController({
    name: 'load-balancer',
    parts,
    run: async key => {
      const nodes = objects.list<Node>('Node')
      await objects.modify<Service>(
        'Service',
        keyParts(key),
        now => {
          const ingress = loadBalancerIngress(now, nodes)
          return canonicalJson(ingress) === canonicalJson(now.status?.loadBalancer?.ingress ?? [])
            ? undefined
            : { ...now, status: { ...now.status, loadBalancer: ingress.length === 0 ? {} : { ingress } } }
        },
        { fieldManager: 'service-controller', subresource: 'status' },
      )
      return undefined
    },
    listen: queue => {
      const addAll = (): void => {
        for (const one of objects.list<Service>('Service')) if (isLoadBalancer(one)) queue.add(keyOf(one), 100)
      }
      addAll()
      return [
        objects.onChange<Service>('Service', (_key, now) => {
          if (now !== undefined && isLoadBalancer(now)) queue.add(keyOf(now))
        }),
        objects.onChange<Node>('Node', (_key, now, before) => {
          if (addressesOf(now) !== addressesOf(before)) addAll()
        }),
      ]
    },
  })
}

const addressesOf = (node: Node | undefined): string =>
  node === undefined || !isNodeReady(node) ? '' : canonicalJson(node.status?.addresses ?? [])
