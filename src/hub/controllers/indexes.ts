import type { DaemonSet, Deployment, EndpointSlice, Node, Pod, ReplicaSet, Service } from '../../api/types.ts'
import { siteOf } from '../../core/nodes/evictions.ts'
import { serviceKeyOfSlice } from '../../core/services/endpoints.ts'
import { controllerOf } from '../../core/workloads/pod-facts.ts'
import type { Objects } from '../objects.ts'
import type { ObjectIndex } from './object-index.ts'
import { objectIndex } from './object-index.ts'
import type { SiteHealth } from './site-health.ts'
import { siteHealth } from './site-health.ts'

/** The indexes that the controllers share, so that no decision lists the fleet. */
export interface Indexes {
  /** uid of the controller; `orphan:NAMESPACE` for pods without one. */
  readonly podsByOwner: ObjectIndex<Pod>
  /** Node name; `''` for pods that are not bound. */
  readonly podsByNode: ObjectIndex<Pod>
  /** The site label. */
  readonly nodesBySite: ObjectIndex<Node>
  readonly siteHealth: SiteHealth
  /** spec.podCIDR; `''` for nodes without one. */
  readonly nodesByRange: ObjectIndex<Node>
  /** `namespace label=value`, for every label. */
  readonly podsByLabel: ObjectIndex<Pod>
  readonly replicaSetsByOwner: ObjectIndex<ReplicaSet>
  /** Namespace. */
  readonly deploymentsByNamespace: ObjectIndex<Deployment>
  readonly replicaSetsByNamespace: ObjectIndex<ReplicaSet>
  readonly daemonSetsByNamespace: ObjectIndex<DaemonSet>
  readonly servicesByNamespace: ObjectIndex<Service>
  /** `namespace/name` of the Service. */
  readonly slicesByService: ObjectIndex<EndpointSlice>
  stop(): void
}

/** Fills all indexes. Call once `objects` have been seen in full, before any controller listens. */
export const makeIndexes = (objects: Objects): Indexes => {
  const byNamespace = (object: { readonly metadata: { readonly namespace?: string } }): readonly string[] => [
    object.metadata.namespace ?? '',
  ]
  const made = {
    podsByOwner: objectIndex<Pod>(objects, 'Pod', ownerKeys),
    podsByNode: objectIndex<Pod>(objects, 'Pod', pod => [pod.spec?.nodeName ?? '']),
    nodesBySite: objectIndex<Node>(objects, 'Node', node => [siteOf(node)]),
    siteHealth: siteHealth(objects),
    nodesByRange: objectIndex<Node>(objects, 'Node', node => [node.spec?.podCIDR ?? '']),
    podsByLabel: objectIndex<Pod>(objects, 'Pod', pod =>
      Object.entries(pod.metadata.labels ?? {}).map(([key, value]) =>
        labelKey(pod.metadata.namespace ?? '', key, value),
      ),
    ),
    replicaSetsByOwner: objectIndex<ReplicaSet>(objects, 'ReplicaSet', ownerKeys),
    deploymentsByNamespace: objectIndex<Deployment>(objects, 'Deployment', byNamespace),
    replicaSetsByNamespace: objectIndex<ReplicaSet>(objects, 'ReplicaSet', byNamespace),
    daemonSetsByNamespace: objectIndex<DaemonSet>(objects, 'DaemonSet', byNamespace),
    servicesByNamespace: objectIndex<Service>(objects, 'Service', byNamespace),
    slicesByService: objectIndex<EndpointSlice>(objects, 'EndpointSlice', slice => {
      const key = serviceKeyOfSlice(slice)
      return key === undefined ? [] : [key]
    }),
  }
  return {
    ...made,
    stop() {
      for (const index of Object.values(made)) index.stop()
    },
  }
}

const ownerKeys = (object: Pod | ReplicaSet): readonly string[] => [
  controllerOf(object)?.uid ?? orphanKey(object.metadata.namespace ?? ''),
]

export const orphanKey = (namespace: string): string => `orphan:${namespace}`

export const labelKey = (namespace: string, label: string, value: string): string => `${namespace} ${label}=${value}`

/** The pods of a namespace that carry all these labels: looked up by the rarest of them. */
export const podsWithLabels = (
  indexes: Indexes,
  namespace: string,
  labels: { readonly [key: string]: string },
): readonly Pod[] => {
  const groups = Object.entries(labels).map(([key, value]) => indexes.podsByLabel.of(labelKey(namespace, key, value)))
  const [fewest = []] = groups.toSorted((a, b) => a.length - b.length)
  return fewest.filter(pod => Object.entries(labels).every(([key, value]) => pod.metadata.labels?.[key] === value))
}
