import type { Round } from './draw-round.ts'
import type { FaultWorld } from './fault-world.ts'
import type { FaultName } from './faults.ts'
import { hubFaults } from './inject-hub.ts'
import { linkFaults } from './inject-link.ts'
import { nodeFaults } from './inject-node.ts'

/** What the harm was, as far as it can only be known when it was done. */
export interface Harm {
  /** The container that was killed. */
  readonly killed?: { readonly podUid: string; readonly container: string }
  /** What somebody got who must not. */
  readonly admitted?: readonly string[]
}

/** Does the harm, lets it last, and heals it. Resolves when nothing is broken any more. */
export type Inject = (world: FaultWorld, round: Round & { readonly node: string }) => Promise<Harm | undefined>

/** How each fault is done; one entry for each, or it does not compile. */
const injectors: { readonly [name in FaultName]: Inject } = { ...hubFaults, ...linkFaults, ...nodeFaults }

/** @throws Error where the harm could not be done as it was meant */
export const inject = async (world: FaultWorld, round: Round): Promise<Harm> =>
  (await injectors[round.fault](world, { ...round, node: round.node ?? world.nodes[0]?.name ?? '' })) ?? {}
