import type { Pod } from '../../api/types.ts'
import { isReady, podCondition, timeMs } from './pod-facts.ts'

/**
 * The pods in the order in which they go when there are too many (k8s: ActivePodsWithRanks): not bound, then pending,
 * then not ready, then cheaper by `controller.kubernetes.io/pod-deletion-cost`, then those that share their node with
 * most siblings, then ready for the shortest time, then restarted most, then youngest.
 *
 * @example rankSurplus(pods).slice(0, 2) // the two that go
 */
export const rankSurplus = (pods: readonly Pod[]): readonly Pod[] => {
  const onNode = new Map<string, number>()
  for (const pod of pods) {
    const node = pod.spec?.nodeName
    if (node !== undefined) onNode.set(node, (onNode.get(node) ?? 0) + 1)
  }
  const keys = new Map(pods.map(pod => [pod, rankOf(pod, onNode)]))
  return pods.toSorted((a, b) => {
    const [x = [], y = []] = [keys.get(a), keys.get(b)]
    for (const [index, value] of x.entries()) {
      const other = y[index] ?? 0
      if (value !== other) return value - other
    }
    return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1
  })
}

const phases: { readonly [phase: string]: number } = { Pending: 0, Unknown: 1, Running: 2 }

const rankOf = (pod: Pod, onNode: ReadonlyMap<string, number>): readonly number[] => {
  const node = pod.spec?.nodeName
  const ready = podCondition(pod, 'Ready')
  return [
    node === undefined || node === '' ? 0 : 1,
    phases[pod.status?.phase ?? 'Pending'] ?? 0,
    isReady(pod) ? 1 : 0,
    deletionCost(pod),
    -(onNode.get(node ?? '') ?? 0),
    isReady(pod) ? -(timeMs(ready?.lastTransitionTime) ?? 0) : 0,
    -restartsOf(pod),
    -(timeMs(pod.metadata.creationTimestamp) ?? 0),
  ]
}

const deletionCost = (pod: Pod): number => {
  const text = pod.metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost']
  return text !== undefined && /^-?\d{1,10}$/.test(text) ? Number(text) : 0
}

const restartsOf = (pod: Pod): number =>
  Math.max(0, ...(pod.status?.containerStatuses ?? []).map(status => status.restartCount))
