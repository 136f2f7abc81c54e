import type { ConfigMap, Node, ObjectMeta, Pod, Secret } from '../../api/types.ts'
import type { Assignment, NodeNetwork } from '../../core/nodes/assignment.ts'

/** What all nodes have in common. */
export type FleetNetwork = Omit<NodeNetwork, 'podCIDR'>

/**
 * The desired state of one node, from objects of one snapshot, in an order that depends on nothing but their names.
 * undefined while the node has no pod range yet.
 */
export const renderAssignment = (of: {
  readonly node: Node
  readonly uid: string
  readonly network: FleetNetwork
  readonly pods: readonly Pod[]
  readonly configMaps: readonly ConfigMap[]
  readonly secrets: readonly Secret[]
}): Assignment | undefined => {
  const podCIDR = of.node.spec?.podCIDR
  if (podCIDR === undefined || podCIDR === '') return undefined
  return {
    format: 1,
    node: { name: of.node.metadata.name ?? '', uid: of.uid },
    network: { ...of.network, podCIDR },
    nodeLabels: of.node.metadata.labels ?? {},
    pods: inOrder(of.pods).map(renderPod),
    configMaps: inOrder(of.configMaps).map(({ data, binaryData, immutable, metadata }) => ({
      metadata: plainMeta(metadata),
      ...(data && { data }),
      ...(binaryData && { binaryData }),
      ...(immutable && { immutable }),
    })),
    secrets: inOrder(of.secrets).map(({ data, type, immutable, metadata }) => ({
      metadata: plainMeta(metadata),
      ...(data && { data }),
      ...(type && { type }),
      ...(immutable && { immutable }),
    })),
  }
}

/** A pod as its node needs it: no status, nothing that changes with status. */
export const renderPod = (pod: Pod): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: podMeta(pod.metadata),
  ...(pod.spec && { spec: pod.spec }),
})

/** A pod's resourceVersion changes with its status, which is none of the assignment's business. */
const podMeta = ({ managedFields: _m, resourceVersion: _r, selfLink: _s, ...meta }: ObjectMeta): ObjectMeta => meta

const plainMeta = ({ name, namespace, uid, resourceVersion }: ObjectMeta): ObjectMeta => ({
  ...(name && { name }),
  ...(namespace && { namespace }),
  ...(uid && { uid }),
  ...(resourceVersion && { resourceVersion }),
})

const inOrder = <T extends { readonly metadata: ObjectMeta }>(objects: readonly T[]): readonly T[] =>
  [...objects].sort((a, b) => (placeOf(a.metadata) < placeOf(b.metadata) ? -1 : 1))

const placeOf = (meta: ObjectMeta): string => `${meta.namespace ?? ''}/${meta.name ?? ''}`
