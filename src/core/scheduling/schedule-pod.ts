import type { Pod } from '../../api/types.ts'
import { podNeeds, whyNot } from './node-filters.ts'
import type { NodeRoom } from './node-room.ts'
import { bestOf } from './node-scores.ts'

export type SchedulingDecision =
  | { readonly action: 'bind'; readonly node: string }
  | { readonly action: 'wait'; readonly reason: 'Unschedulable' | 'SchedulingGated'; readonly message: string }

/**
 * Where the pod goes, or why it goes nowhere, in the words that `kubectl describe` users know. In a large fleet the
 * best of the first 500 nodes that can take it is good enough.
 *
 * @example schedulePod(pod, rooms)
 * // { action: 'wait', reason: 'Unschedulable', message: '0/3 nodes are available: 3 Insufficient memory.' }
 */
export const schedulePod = (pod: Pod, rooms: Iterable<NodeRoom>): SchedulingDecision => {
  if ((pod.spec?.schedulingGates ?? []).length > 0) {
    return {
      action: 'wait',
      reason: 'SchedulingGated',
      message: 'Scheduling is blocked due to non-empty scheduling gates',
    }
  }
  const needs = podNeeds(pod)
  const fitting: NodeRoom[] = []
  const refusals = new Map<string, number>()
  let looked = 0
  for (const room of rooms) {
    looked += 1
    const reasons = whyNot(needs, room)
    if (reasons.length === 0) fitting.push(room)
    if (fitting.length >= enough) break
    for (const reason of reasons) refusals.set(reason, (refusals.get(reason) ?? 0) + 1)
  }
  const best = bestOf(needs, fitting)
  if (best !== undefined) return { action: 'bind', node: best.name }
  return { action: 'wait', reason: 'Unschedulable', message: messageOf(looked, refusals) }
}

/** k8s: percentageOfNodesToScore */
const enough = 500

/** Whether at least one of the nodes could take the pod now. */
export const fitsSomewhere = (pod: Pod, rooms: readonly NodeRoom[]): boolean => {
  const needs = podNeeds(pod)
  return rooms.some(room => whyNot(needs, room).length === 0)
}

const messageOf = (nodeCount: number, refusals: ReadonlyMap<string, number>): string => {
  if (nodeCount === 0) return 'no nodes available to schedule pods'
  const parts = [...refusals].map(([reason, count]) => `${count} ${reason}`).toSorted()
  return `0/${nodeCount} nodes are available: ${parts.join(', ')}.`
}
