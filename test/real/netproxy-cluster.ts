import type { EndpointEntry, ServiceEntry } from '../../src/core/services/neighbourhood.ts'
import { aNeighbourhood, anEndpoint } from '../core/services/a-service.ts'
import type { LabNode, LabPod } from './netproxy-lab.ts'

/** The pod as a ready endpoint. */
export const endpointOf = (node: LabNode, pod: LabPod, change: Partial<EndpointEntry> = {}): EndpointEntry =>
  anEndpoint({ address: pod.ip, node: node.nodeName, podName: pod.uid, podUid: pod.uid, ...change })

/** Tells every node of the Services and of each other, and waits until all of it is in force. */
export const tell = async (nodes: readonly LabNode[], services: readonly ServiceEntry[]): Promise<void> => {
  const peers = nodes.map(node => ({
    node: node.nodeName,
    uid: node.nodeName,
    podCIDR: node.network.podCIDR,
    addresses: [node.lanAddress],
  }))
  for (const node of nodes) {
    await node.proxy.setNeighbourhood(aNeighbourhood(services, peers))
    await node.proxy.applied()
  }
}

/** Who answered, each once, in order. */
export const who = (answers: readonly string[]): readonly string[] =>
  [...new Set(answers.map(answer => answer.split(' ')[0] ?? ''))].toSorted()

/** From which addresses the endpoint saw us. */
export const seenFrom = (answers: readonly string[]): readonly string[] =>
  [...new Set(answers.map(answer => answer.split(' ')[1] ?? ''))].toSorted()

/** Looks until it is so; the test's own time limit ends it. */
export const until = async (isSo: () => Promise<boolean>): Promise<void> => {
  while (!(await isSo())) await new Promise(resolve => setTimeout(resolve, 100))
}
