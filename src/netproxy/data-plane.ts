import type { NodeNetwork } from '../core/nodes/assignment.ts'
import type { ForwardingPlan } from '../core/services/compile.ts'

/** What carries the traffic of Services on a node. The kernel does where it can, userspace where it must; one contract suite for both. */
export interface DataPlane {
  readonly name: 'nftables' | 'userspace'
  /** Sets up what does not depend on Services and adopts what an earlier process left. Nothing that forwards now stops. */
  prepare(network: NodeNetwork): Promise<void>
  /** Brings the plan into force, in one transaction. Where it is not `whole`, only adds: others are not known yet. */
  apply(plan: ForwardingPlan, how: { readonly whole: boolean }): Promise<void>
  /** Looks whether what should be there is there (`presence`) and as it should be (`content`), and repairs it. Returns what was found wrong. */
  audit(depth: 'presence' | 'content'): Promise<string | undefined>
  troubles(): readonly string[]
  /** Stops own processes and sockets; the kernel keeps forwarding. */
  close(): Promise<void>
  /** Takes away everything, whoever made it. */
  takeDown(): Promise<void>
}
