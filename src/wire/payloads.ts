import type { ContainerStatus, NodeCondition, NodeSystemInfo, PodStatus } from '../api/types.ts'
import type { DocumentTuple } from '../core/nodes/assignment.ts'

/** What a node holds of one document. `digest` is the lower-case hex SHA-256 of the canonical JSON; '' for none. */
export interface Held {
  readonly tuple: DocumentTuple
  readonly digest: string
}

/** node -> hub, on every connect and every ten minutes. */
export interface Hello {
  readonly format: 1
  readonly nonce: string
  /** Grows by one with every connection of this agent's life. */
  readonly connection: number
  readonly bootId: string
  readonly agentVersion: string
  readonly state: Held | undefined
  readonly net: Held | undefined
  /** Fields of the assignment that this agent does not know, e.g. `pods[].spec.foo`. At most 32. */
  readonly unknownFields: readonly string[]
}

/** hub -> node, the answer. An agent that has never applied anything applies only after this. */
export interface HelloReply {
  readonly format: 1
  readonly nonce: string
  readonly hubTime: string
  readonly hubVersion: string
  readonly state: Held
  readonly net: Held
}

/** hub -> all, rare. */
export interface HubNotice {
  readonly format: 1
  readonly incarnation: number
  readonly term: number
  readonly hubTime: string
  /** Agents spread their reconnects over this many seconds. */
  readonly reconnectJitterSeconds?: number
}

/** node -> hub; the last will says `up: false`. */
export interface Live {
  readonly format: 1
  readonly connection: number
  readonly up: boolean
}

/** node -> hub: acknowledgement of documents, and what is observed. Parts that did not change are absent. */
export interface StatusReport {
  readonly format: 1
  /** Grows with each report of this agent's life; an older one is ignored. */
  readonly sequence: number
  readonly bootId: string
  readonly applied: { readonly state?: Held; readonly net?: Held }
  readonly node?: NodeReport
  /** Pods whose status changed; every pod in the first report after a hello. */
  readonly pods?: readonly PodReport[]
  /** With the full list: uids of all pods that the node still has anything of. The hub removes terminating ones not in it. */
  readonly presentPodUids?: readonly string[]
  readonly usage?: NodeUsage
}

export interface NodeReport {
  readonly addresses: readonly { readonly type: string; readonly address: string }[]
  readonly capacity: { readonly [resource: string]: string }
  readonly allocatable: { readonly [resource: string]: string }
  readonly conditions: readonly NodeCondition[]
  readonly nodeInfo: NodeSystemInfo
  readonly images: readonly { readonly names: readonly string[]; readonly sizeBytes: number }[]
  /** e.g. `dunlin.io/model`; the hub admits only keys under dunlin.io/ and kubernetes.io/{arch,os,hostname}. */
  readonly labels: { readonly [key: string]: string }
  /** Serial of the board, where it has one. */
  readonly board?: string
}

export interface PodReport {
  readonly uid: string
  readonly namespace: string
  readonly name: string
  /** As derived by core/pods/status. `undefined` with `gone`: the pod has left the node for good. */
  readonly status?: PodStatus
  readonly gone?: boolean
  readonly containerStatuses?: readonly ContainerStatus[]
}

export interface NodeUsage {
  readonly time: string
  readonly windowSeconds: number
  /** Nanocores and bytes. */
  readonly node: { readonly cpuNanos: number; readonly memoryBytes: number }
  readonly pods: readonly {
    readonly namespace: string
    readonly name: string
    readonly uid: string
    readonly containers: readonly {
      readonly name: string
      readonly cpuNanos: number
      readonly memoryBytes: number
      /** CPU time since the container began. Absent: an older agent. */
      readonly cpuSeconds?: number
    }[]
  }[]
}

/** hub -> node. De-duplicated on disk by id until `notAfter`. */
export type Command = {
  readonly format: 1
  readonly id: string
  /** RFC 3339 */
  readonly notAfter: string
} & (
  | {
      readonly action: 'dial'
      /** wss URL of the hub that took the request; the agent checks the hub's pinned CA. */
      readonly url: string
      readonly token: string
    }
  | { readonly action: 'renew' }
  | { readonly action: 'telemetry'; readonly periodSeconds: number; readonly forSeconds: number }
)

/** node -> hub: how a command ended. */
export interface Result {
  readonly format: 1
  readonly id: string
  readonly ok: boolean
  readonly message?: string
}

/** node -> hub: things worth telling, as Kubernetes events. */
export interface EventReport {
  readonly format: 1
  readonly sequence: number
  readonly events: readonly {
    readonly type: 'Normal' | 'Warning'
    readonly reason: string
    readonly message: string
    readonly time: string
    readonly count: number
    readonly involved: {
      readonly kind: 'Pod' | 'Node'
      readonly namespace: string
      readonly name: string
      readonly uid: string
      readonly fieldPath?: string
    }
  }[]
}

/** One frame of a side channel over MQTT, binary: sealed with a key that only its two ends have. */
export type TunnelBytes = string
