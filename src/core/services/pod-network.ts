import type { NodeNetwork } from '../nodes/assignment.ts'
import type { Neighbourhood } from './neighbourhood.ts'

/**
 * The pod network port: what the agent asks of netproxy. One contract suite runs on every implementation.
 * It owns the bridge, pod addresses, service maps, DNS and the paths to other nodes.
 */
export interface PodNetwork {
  /** Makes bridge, tables and DNS for this node's ranges. Idempotent; a changed range is refused while pods are attached. */
  configure(network: NodeNetwork): Promise<void>
  /**
   * Puts the pod's network namespace (a path such as /run/dunlin/pods/UID/net) on the bridge, with the address
   * it had before where it had one. Idempotent. Host ports are forwarded to the pod.
   */
  attach(pod: AttachablePod): Promise<PodAddress>
  /** Takes the pod off the network. `forget` also gives its address back. Idempotent. */
  detach(uid: string, how: { readonly forget: boolean }): Promise<void>
  /** Whether each pod is or is not in the network now: uid -> address. */
  attached(): ReadonlyMap<string, PodAddress>
  /** Services, endpoints and peers, whole. Applied in the background, coalesced; the newest wins. */
  setNeighbourhood(neighbourhood: Neighbourhood): void
  /**
   * What this node itself knows of its pods: uid -> state, whole. It goes before what the neighbourhood says of them, so that an
   * endpoint leaves this node's services before its containers do, also while the hub is away. A pod not named is as the neighbourhood says.
   */
  setPodStates(states: ReadonlyMap<string, PodEndpointState>): void
  /** Resolves when what was last set is in force (or says why not). */
  applied(): Promise<void>
  /** What is not well with the network of this node, in words: a port that is taken, a peer that is not on this LAN, names that do not resolve. Empty when all is well. */
  troubles(): readonly string[]
  /** Stops own processes and sockets. The kernel keeps forwarding. */
  close(): Promise<void>
  /** Takes away all that was made, on any start before, and puts back what was changed. */
  takeDown(): Promise<void>
}

export interface AttachablePod {
  readonly uid: string
  readonly namespace: string
  readonly name: string
  readonly netnsPath: string
  readonly hostPorts: readonly HostPort[]
}

export interface HostPort {
  readonly protocol: 'TCP' | 'UDP'
  readonly hostPort: number
  readonly hostIP?: string
  readonly containerPort: number
}

export interface PodEndpointState {
  readonly ready: boolean
  /** Its probes succeed, whether or not it is on its way out. */
  readonly serving: boolean
  readonly terminating: boolean
}

export interface PodAddress {
  readonly ip: string
}
