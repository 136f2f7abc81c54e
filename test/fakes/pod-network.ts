import { Fault } from '../../src/api/fault.ts'
import type { NodeNetwork } from '../../src/core/nodes/assignment.ts'
import { parseCidr } from '../../src/core/services/cidr.ts'
import type { Neighbourhood } from '../../src/core/services/neighbourhood.ts'
import { choosePodAddress } from '../../src/core/services/pod-addresses.ts'
import type { AttachablePod, PodAddress, PodEndpointState, PodNetwork } from '../../src/core/services/pod-network.ts'

export interface FakePodNetwork extends PodNetwork {
  /** Every call, oldest first, as a sentence: `attach web-1`. */
  readonly calls: readonly string[]
  readonly network: NodeNetwork | undefined
  readonly neighbourhood: Neighbourhood | undefined
  readonly podStates: ReadonlyMap<string, PodEndpointState>
  /** The next calls of `attach` throw this, until it is called with undefined. */
  failAttach(error: Error | undefined): void
  setTroubles(troubles: readonly string[]): void
  /** As a power cut: nothing is attached any more; addresses and ranges are remembered. */
  reboot(): void
}

/**
 * A pod network in memory: addresses, rules and refusals as on a real node, no packets.
 *
 * @example const network = fakePodNetwork(); await network.configure(…); await network.attach(pod) // { ip: '10.64.0.2' }
 */
export const fakePodNetwork = (): FakePodNetwork => {
  const calls: string[] = []
  const book = new Map<string, string>()
  const attached = new Map<string, PodAddress>()
  let network: NodeNetwork | undefined
  let last: string | undefined
  let neighbourhood: Neighbourhood | undefined
  let podStates: ReadonlyMap<string, PodEndpointState> = new Map()
  let failure: Error | undefined
  let troubles: readonly string[] = []

  const rangeOf = (of: NodeNetwork) => {
    const range = parseCidr(of.podCIDR)
    if (range === undefined || range.bits > 29)
      throw new Fault(
        'Invalid',
        `podCIDR "${of.podCIDR}" is no range for pods: a range such as 10.64.0.128/25 was expected`,
      )
    return range
  }

  return {
    calls,
    get network() {
      return network
    },
    get neighbourhood() {
      return neighbourhood
    },
    get podStates() {
      return podStates
    },
    failAttach(error) {
      failure = error
    },
    setTroubles(now) {
      troubles = now
    },
    reboot() {
      attached.clear()
    },
    async configure(wanted) {
      calls.push(`configure ${wanted.podCIDR}`)
      rangeOf(wanted)
      if (network !== undefined && network.podCIDR !== wanted.podCIDR) {
        if (attached.size > 0)
          throw new Fault(
            'Conflict',
            `the pod range cannot change from ${network.podCIDR} to ${wanted.podCIDR} while ${attached.size} pods are attached: drain the node first`,
          )
        book.clear()
        last = undefined
      }
      network = wanted
    },
    async attach(pod: AttachablePod) {
      calls.push(`attach ${pod.name}`)
      if (failure !== undefined) throw failure
      if (network === undefined)
        throw new Fault('Unavailable', 'the pod network is not set up yet: it needs the ranges of the first assignment')
      const range = rangeOf(network)
      const ip = book.get(pod.uid) ?? choosePodAddress({ range, taken: new Set(book.values()), last })
      if (ip === undefined)
        throw new Fault('Unavailable', `no address is free in ${network.podCIDR}: ${book.size} pods have one`)
      if (!book.has(pod.uid)) last = ip
      book.set(pod.uid, ip)
      attached.set(pod.uid, { ip })
      return { ip }
    },
    async detach(uid, how) {
      calls.push(`detach ${uid}${how.forget ? ' and forget' : ''}`)
      attached.delete(uid)
      if (how.forget) book.delete(uid)
    },
    attached: () => new Map(attached),
    setNeighbourhood(now) {
      neighbourhood = now
    },
    setPodStates(states) {
      podStates = new Map(states)
    },
    async applied() {},
    troubles: () => troubles,
    async close() {
      calls.push('close')
    },
    async takeDown() {
      calls.push('takeDown')
      attached.clear()
      book.clear()
      network = undefined
      neighbourhood = undefined
      last = undefined
    },
  }
}
