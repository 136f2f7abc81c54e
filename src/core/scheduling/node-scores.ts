import { nodeTermMatches } from '../../api/selector.ts'
import { controllerOf } from '../workloads/pod-facts.ts'
import type { PodNeeds } from './node-filters.ts'
import type { NodeRoom } from './node-room.ts'
import { podLoad } from './node-room.ts'
import { isTolerated } from './taints.ts'

/** Each score gives a raw number per node; the best node gets 100, and the weight says how much it counts. */
const scores: readonly {
  readonly weight: number
  readonly isMoreBetter: boolean
  readonly of: (needs: PodNeeds, room: NodeRoom) => number
}[] = [
  {
    weight: 3,
    isMoreBetter: false,
    of: ({ pod }, { node }) =>
      (node.spec?.taints ?? []).filter(
        taint => taint.effect === 'PreferNoSchedule' && !isTolerated(taint, pod.spec?.tolerations),
      ).length,
  },
  {
    weight: 2,
    isMoreBetter: true,
    of: ({ pod }, { node, name }) =>
      (pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
        .filter(term => nodeTermMatches(term.preference, node.metadata.labels, name))
        .reduce((total, term) => total + term.weight, 0),
  },
  {
    weight: 2,
    isMoreBetter: false,
    of: ({ pod }, room) => room.siblings.get(controllerOf(pod)?.uid ?? '') ?? 0,
  },
]

/**
 * The best of the nodes that passed the filters: few unwanted taints, preferred affinity, few siblings, and then the
 * one that is least loaded with the pod on it. Equal ones: by name.
 *
 * @example bestOf(podNeeds(pod), rooms)?.name // 'attic'
 */
export const bestOf = (needs: PodNeeds, rooms: readonly NodeRoom[]): NodeRoom | undefined => {
  const raw = scores.map(score => rooms.map(room => score.of(needs, room)))
  const most = raw.map(values => values.reduce((a, b) => Math.max(a, b), 0))
  let best: { readonly room: NodeRoom; readonly points: number } | undefined
  for (const [index, room] of rooms.entries()) {
    let points = leastLoaded(needs, room)
    for (const [which, score] of scores.entries()) {
      const top = most[which] ?? 0
      const share = top === 0 ? 0 : ((raw[which]?.[index] ?? 0) * 100) / top
      points += score.weight * (score.isMoreBetter ? share : 100 - share)
    }
    if (best === undefined || points > best.points || (points === best.points && room.name < best.room.name)) {
      best = { room, points }
    }
  }
  return best?.room
}

/** 0 to 100: the mean of the free shares of CPU and memory. k8s: LeastAllocated */
const leastLoaded = (needs: PodNeeds, room: NodeRoom): number => {
  const own = podLoad(needs.requests)
  const free = (resource: 'cpu' | 'memory'): number => {
    const has = room.allocatable.get(resource) ?? 0
    return has === 0 ? 0 : Math.max(0, ((has - room.load[resource] - own[resource]) * 100) / has)
  }
  return (free('cpu') + free('memory')) / 2
}
