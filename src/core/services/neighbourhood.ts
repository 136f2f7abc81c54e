/**
 * What a node must know of the others: `d/net`. Services with their endpoints, and the peers whose pods it may reach.
 * Applied at once from memory; on disk at most every ten minutes.
 */
export interface Neighbourhood {
  readonly format: 1
  readonly services: readonly ServiceEntry[]
  readonly peers: readonly Peer[]
}

export interface ServiceEntry {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName'
  /** Absent when headless or ExternalName. */
  readonly clusterIP?: string
  readonly externalName?: string
  readonly ports: readonly ServicePortEntry[]
  readonly sessionAffinitySeconds?: number
  readonly externalTrafficPolicy: 'Cluster' | 'Local'
  readonly internalTrafficPolicy: 'Cluster' | 'Local'
  readonly publishNotReadyAddresses: boolean
  readonly endpoints: readonly EndpointEntry[]
}

export interface ServicePortEntry {
  /** `''` when the only port has no name. */
  readonly name: string
  readonly protocol: 'TCP' | 'UDP'
  readonly port: number
  readonly nodePort?: number
}

export interface EndpointEntry {
  readonly address: string
  /** Name of the node it runs on. Absent for endpoints outside the fleet. */
  readonly node?: string
  readonly podNamespace?: string
  readonly podName?: string
  readonly podUid?: string
  readonly hostname?: string
  readonly ready: boolean
  readonly serving: boolean
  readonly terminating: boolean
  /** Service port name -> the endpoint's port number. */
  readonly ports: { readonly [name: string]: number }
}

/** Another node of the same site (or of the fleet, where a Service says so). */
export interface Peer {
  readonly node: string
  readonly uid: string
  readonly podCIDR: string
  /** Addresses at which the node is reached on its LAN, best first. */
  readonly addresses: readonly string[]
}
