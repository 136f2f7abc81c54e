import type { ConfigMap, Pod, Secret } from '../../api/types.ts'

/**
 * The order of signed documents: incarnation (raised by a restore), then the revision of the store snapshot
 * from which the document was rendered, then the hub's term. Compared in this order, term last.
 */
export interface DocumentTuple {
  readonly incarnation: number
  readonly revision: number
  readonly term: number
}

/** Negative, zero or positive as `a` is older than, equal to or newer than `b`. */
export const compareTuples = (a: DocumentTuple, b: DocumentTuple): number =>
  a.incarnation - b.incarnation || a.revision - b.revision || a.term - b.term

/** How the node's pods get their addresses and names. Comes with the assignment, so that a cold boot needs nothing else. */
export interface NodeNetwork {
  /** This node's pod range, a /25 by default, e.g. `10.64.0.128/25`. */
  readonly podCIDR: string
  /** All pods of the fleet, e.g. `10.64.0.0/11`. */
  readonly clusterCIDR: string
  readonly serviceCIDR: string
  readonly dnsAddress: string
  /** `cluster.local` */
  readonly domain: string
}

/**
 * The desired state of one node, whole: `d/state`. Rendered by the hub from one store snapshot.
 * Pods carry metadata (deletionTimestamp and deletionGracePeriodSeconds among it) and spec as the hub stored them, no status,
 * no managedFields. ConfigMaps and Secrets are those that the pods consume, pull secrets among them.
 */
export interface Assignment {
  readonly format: 1
  readonly node: { readonly name: string; readonly uid: string }
  readonly network: NodeNetwork
  /** Labels and annotations that pods of this node may read, and whether new pods are welcome. */
  readonly nodeLabels: { readonly [key: string]: string }
  readonly pods: readonly Pod[]
  readonly configMaps: readonly ConfigMap[]
  readonly secrets: readonly Secret[]
}
