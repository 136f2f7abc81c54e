import { Fault } from '../api/fault.ts'
import type { PodNetwork } from '../core/services/pod-network.ts'

/** The pod network where it is switched off: pods of the host's own network run, others say why they do not. */
export const noNetwork = (): PodNetwork => ({
  async configure() {},
  async attach() {
    throw new Fault(
      'Unavailable',
      'the pod network of this node is switched off (--network off): only pods with hostNetwork: true run here',
    )
  },
  async detach() {},
  attached: () => new Map(),
  setNeighbourhood() {},
  setPodStates() {},
  async applied() {},
  troubles: () => [],
  async close() {},
  async takeDown() {},
})
