import { nodeTermMatches } from '../../api/selector.ts'
import type { Node, Pod } from '../../api/types.ts'
import type { NodeRoom } from './node-room.ts'
import type { Amounts, HostPort } from './resources.ts'
import { hostPortsOf, podRequests, portsClash } from './resources.ts'
import { isTolerated, tolerates, untolerated } from './taints.ts'

/** What the filters need of a pod, worked out once for all nodes. */
export interface PodNeeds {
  readonly pod: Pod
  readonly requests: Amounts
  readonly hostPorts: readonly HostPort[]
}

export const podNeeds = (pod: Pod): PodNeeds => ({
  pod,
  requests: podRequests(pod.spec),
  hostPorts: hostPortsOf(pod),
})

/**
 * Why the pod cannot go to this node, in upstream's words; empty when it can. The first filter that refuses speaks,
 * as in Kubernetes; resources name every one that lacks.
 *
 * @example whyNot(podNeeds(pod), room) // ['Insufficient memory']
 */
export const whyNot = (needs: PodNeeds, room: NodeRoom): readonly string[] => {
  for (const filter of filters) {
    const reasons = filter(needs, room)
    if (reasons.length > 0) return reasons
  }
  return []
}

type Filter = (needs: PodNeeds, room: NodeRoom) => readonly string[]

const cordoned = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }

const filters: readonly Filter[] = [
  ({ pod }, { node }) =>
    node.spec?.unschedulable === true && !isTolerated(cordoned, pod.spec?.tolerations)
      ? ['node(s) were unschedulable']
      : [],
  ({ pod }, { node }) => (matchesNode(pod, node) ? [] : ["node(s) didn't match Pod's node affinity/selector"]),
  ({ pod }, { node }) => {
    const taint = untolerated(node.spec?.taints, pod.spec?.tolerations, ['NoSchedule', 'NoExecute'])
    return taint === undefined ? [] : [`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`]
  },
  ({ pod }, { node }) => (isNodeReady(node) || toleratesNotReady(pod) ? [] : ['node(s) were not ready']),
  ({ hostPorts }, room) =>
    hostPorts.some(wanted => room.hostPorts.some(taken => portsClash(wanted, taken)))
      ? ["node(s) didn't have free ports for the requested pod ports"]
      : [],
  ({ requests }, room) => [
    ...(room.podCount + 1 > (room.allocatable.get('pods') ?? 110) ? ['Too many pods'] : []),
    ...[...requests]
      .filter(([name, amount]) => amount > 0 && (room.used.get(name) ?? 0) + amount > (room.allocatable.get(name) ?? 0))
      .map(([resource]) => `Insufficient ${resource}`),
  ],
]

/** nodeSelector and required node affinity; several terms are alternatives. */
export const matchesNode = (pod: Pod, node: Node): boolean => {
  const labels = node.metadata.labels ?? {}
  const isSelected = Object.entries(pod.spec?.nodeSelector ?? {}).every(([key, value]) => labels[key] === value)
  if (!isSelected) return false
  const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  if (required === undefined) return true
  return required.nodeSelectorTerms.some(term => nodeTermMatches(term, labels, node.metadata.name ?? ''))
}

export const isNodeReady = (node: Node): boolean =>
  node.status?.conditions?.some(condition => condition.type === 'Ready' && condition.status === 'True') ?? false

/** DaemonSet pods, which belong on a node whatever its state: they tolerate `not-ready` for ever. */
const toleratesNotReady = (pod: Pod): boolean =>
  (pod.spec?.tolerations ?? []).some(
    one =>
      one.tolerationSeconds === undefined &&
      tolerates(one, { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' }),
  )
