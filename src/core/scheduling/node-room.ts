import type { Node, Pod } from '../../api/types.ts'
import { controllerOf, isFinished } from '../workloads/pod-facts.ts'
import type { Amounts, HostPort } from './resources.ts'
import { allocatableOf, hostPortsOf, podRequests } from './resources.ts'

/** A node as the scheduler sees it: what it has, what its pods take. A value; made anew when node or pods change. */
export interface NodeRoom {
  readonly node: Node
  readonly name: string
  readonly allocatable: Amounts
  readonly used: Amounts
  /** As `used`, but a container that asks for nothing counts as a little, so that such pods spread too. */
  readonly load: { readonly cpu: number; readonly memory: number }
  readonly podCount: number
  readonly hostPorts: readonly HostPort[]
  /** uid of a controller -> how many of its pods are here. */
  readonly siblings: ReadonlyMap<string, number>
}

/**
 * @param pods all pods bound to the node; those that have ended take no room, those being deleted still do
 * @example nodeRoom(node, podsOfNode).podCount // 3
 */
export const nodeRoom = (node: Node, pods: readonly Pod[]): NodeRoom => {
  const used = new Map<string, number>()
  const siblings = new Map<string, number>()
  const load = { cpu: 0, memory: 0 }
  const hostPorts: HostPort[] = []
  let podCount = 0
  for (const pod of pods) {
    if (isFinished(pod)) continue
    podCount += 1
    const requests = podRequests(pod.spec)
    for (const [resource, amount] of requests) used.set(resource, (used.get(resource) ?? 0) + amount)
    const assumed = podLoad(requests)
    load.cpu += assumed.cpu
    load.memory += assumed.memory
    hostPorts.push(...hostPortsOf(pod))
    const owner = controllerOf(pod)?.uid
    if (owner !== undefined) siblings.set(owner, (siblings.get(owner) ?? 0) + 1)
  }
  return {
    node,
    name: node.metadata.name ?? '',
    allocatable: allocatableOf(node),
    used,
    load,
    podCount,
    hostPorts,
    siblings,
  }
}

/** k8s: NonMissingContainerRequests: 0.1 core and 200 MB where nothing is said. */
export const podLoad = (requests: Amounts): { readonly cpu: number; readonly memory: number } => ({
  cpu: requests.get('cpu') ?? 100,
  memory: requests.get('memory') ?? 200 * 1024 * 1024,
})

/** The room with one more pod in it. */
export const withPod = (room: NodeRoom, pod: Pod): NodeRoom => {
  const requests = podRequests(pod.spec)
  const used = new Map(room.used)
  for (const [resource, amount] of requests) used.set(resource, (used.get(resource) ?? 0) + amount)
  const own = podLoad(requests)
  const owner = controllerOf(pod)?.uid
  const siblings = new Map(room.siblings)
  if (owner !== undefined) siblings.set(owner, (siblings.get(owner) ?? 0) + 1)
  return {
    ...room,
    used,
    siblings,
    load: { cpu: room.load.cpu + own.cpu, memory: room.load.memory + own.memory },
    podCount: room.podCount + 1,
    hostPorts: [...room.hostPorts, ...hostPortsOf(pod)],
  }
}
