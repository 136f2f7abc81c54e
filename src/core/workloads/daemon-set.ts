import { selectorOf } from '../../api/selector.ts'
import type { DaemonSet, DaemonSetStatus, Node, Pod } from '../../api/types.ts'
import { isNodeReady, matchesNode } from '../scheduling/node-filters.ts'
import { untolerated } from '../scheduling/taints.ts'
import { claim } from './claim.ts'
import { daemonHash, daemonPod, hasHash, nodeOfDaemonPod } from './daemon-pod.ts'
import {
  availableAtMs,
  earliest,
  isAvailable,
  isFinished,
  isReady,
  isTerminating,
  nameOf,
  timeMs,
} from './pod-facts.ts'
import { resolvePercent } from './resolve-percent.ts'

export type DaemonSetAction =
  | { readonly action: 'createPod'; readonly pod: Pod; readonly node: string }
  | { readonly action: 'deletePod'; readonly pod: Pod; readonly why: string }
  | { readonly action: 'adoptPod'; readonly pod: Pod }
  | { readonly action: 'releasePod'; readonly pod: Pod }

export interface DaemonSetPlan {
  readonly actions: readonly DaemonSetAction[]
  readonly status: DaemonSetStatus
  readonly lookAgainAtMs?: number
}

/** One node, and what of the DaemonSet is on it. */
interface Place {
  readonly node: Node
  /** Whether a pod shall start here, and whether one that is here may go on. */
  readonly shouldRun: boolean
  readonly mayStay: boolean
  /** Oldest first, those that are being deleted among them. */
  readonly pods: readonly Pod[]
  /** Whether a pod is of the current template. */
  readonly isCurrent: (pod: Pod) => boolean
}

/**
 * What a DaemonSet does now: one pod on every node that its template can go to; updates roll over the nodes within
 * maxUnavailable or maxSurge (k8s: daemon controller).
 *
 * Unlike upstream, nodes that are not ready do not count as unavailable and wait with their update until they are back:
 * a device that is switched off must not hold up the update of all others.
 *
 * @example planDaemonSet({ daemonSet, nodes, pods, now }).actions // [{ action: 'createPod', node: 'attic', … }]
 */
export const planDaemonSet = (view: {
  readonly daemonSet: DaemonSet
  readonly nodes: readonly Node[]
  /** Those it owns, and the orphans of its namespace. */
  readonly pods: readonly Pod[]
  readonly now: number
}): DaemonSetPlan => {
  const { daemonSet, now } = view
  const selector = selectorOf(daemonSet.spec?.selector)
  const nothing = { currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 }
  if (selector === undefined || selector.length === 0) return { actions: [], status: daemonSet.status ?? nothing }
  const { mine, adopt, release } = claim(daemonSet, selector, view.pods)
  const places = placesOf(daemonSet, view.nodes, mine)
  const status = statusOf(daemonSet, places, now)
  const claims: readonly DaemonSetAction[] = [
    ...adopt.map(pod => ({ action: 'adoptPod', pod }) as const),
    ...release.map(pod => ({ action: 'releasePod', pod }) as const),
  ]
  if (isTerminating(daemonSet)) return { actions: claims, status }
  const known = new Set(view.nodes.map(nameOf))
  const strays = mine.filter(pod => !isTerminating(pod) && !known.has(nodeOfDaemonPod(pod) ?? ''))
  const steps = places.flatMap(place => settlePlace(daemonSet, place))
  const isBusy = new Set(steps.map(step => (step.action === 'createPod' ? step.node : nodeOfDaemonPod(step.pod))))
  const rolling = roll(
    daemonSet,
    places.filter(place => !isBusy.has(nameOf(place.node))),
    places,
    now,
  )
  const soon = earliest(
    ...mine
      .map(pod => availableAtMs(pod, daemonSet.spec?.minReadySeconds ?? 0))
      .filter(at => at !== undefined && at > now),
  )
  return {
    actions: [
      ...claims,
      ...strays.map(pod => ({ action: 'deletePod', pod, why: 'its node is not there' }) as const),
      ...steps,
      ...rolling,
    ],
    status,
    ...(soon === undefined ? {} : { lookAgainAtMs: soon }),
  }
}

const placesOf = (daemonSet: DaemonSet, nodes: readonly Node[], pods: readonly Pod[]): readonly Place[] => {
  const byNode = new Map<string, Pod[]>()
  for (const pod of pods) {
    const node = nodeOfDaemonPod(pod) ?? ''
    byNode.set(node, [...(byNode.get(node) ?? []), pod])
  }
  const template = daemonPod(daemonSet, '')
  const wish: Pod = { ...template, spec: { containers: [], ...daemonSet.spec?.template.spec } }
  const { tolerations } = template.spec ?? {}
  const hash = daemonHash(daemonSet)
  const isCurrent = (pod: Pod): boolean => hasHash(pod, hash)
  return nodes.map(node => {
    const fits = matchesNode(wish, node)
    const taints = node.spec?.taints
    return {
      node,
      isCurrent,
      shouldRun: fits && untolerated(taints, tolerations, ['NoSchedule', 'NoExecute']) === undefined,
      mayStay: fits && untolerated(taints, tolerations, ['NoExecute']) === undefined,
      pods: (byNode.get(nameOf(node)) ?? []).toSorted(
        (a, b) => madeMs(a) - madeMs(b) || (nameOf(a) < nameOf(b) ? -1 : 1),
      ),
    }
  })
}

const madeMs = (pod: Pod): number => timeMs(pod.metadata.creationTimestamp) ?? 0

/** Brings a place to one pod, or none. An update's second pod (surge) is not one too many. */
const settlePlace = (daemonSet: DaemonSet, place: Place): readonly DaemonSetAction[] => {
  const name = nameOf(place.node)
  const live = place.pods.filter(pod => !isTerminating(pod))
  const remove = (pods: readonly Pod[], why: string): readonly DaemonSetAction[] =>
    pods.map(pod => ({ action: 'deletePod', pod, why }))
  if (!place.mayStay) return remove(live, `node ${name} does not take it any longer`)
  // k8s: while one is still ending, the next is not made.
  if (place.pods.length === 0) {
    return place.shouldRun ? [{ action: 'createPod', pod: daemonPod(daemonSet, name), node: name }] : []
  }
  const ended = live.filter(isFinished)
  if (ended.length > 0) return remove(ended, 'it has ended')
  const current = live.filter(place.isCurrent)
  const old = live.filter(pod => !place.isCurrent(pod))
  const surge = maxSurgeOf(daemonSet, 1) > 0
  return [
    ...remove(current.slice(1), 'one is enough on a node'),
    ...remove(surge || current.length === 0 ? old.slice(1) : old, 'one is enough on a node'),
  ]
}

const maxSurgeOf = (daemonSet: DaemonSet, desired: number): number =>
  isRolling(daemonSet) ? resolvePercent(daemonSet.spec?.updateStrategy?.rollingUpdate?.maxSurge ?? 0, desired, 'up') : 0

const isRolling = (daemonSet: DaemonSet): boolean =>
  (daemonSet.spec?.updateStrategy?.type ?? 'RollingUpdate') === 'RollingUpdate'

/** Replaces old pods: those that are not available at once, the others as far as the update may go. */
const roll = (
  daemonSet: DaemonSet,
  free: readonly Place[],
  all: readonly Place[],
  now: number,
): readonly DaemonSetAction[] => {
  if (!isRolling(daemonSet)) return []
  const minReadySeconds = daemonSet.spec?.minReadySeconds ?? 0
  const desired = all.filter(place => place.shouldRun).length
  const isUp = (pod: Pod | undefined): boolean => pod !== undefined && isAvailable(pod, minReadySeconds, now)
  const views = (places: readonly Place[]) =>
    places
      .filter(place => place.shouldRun && isNodeReady(place.node))
      .map(({ node, pods, isCurrent }) => {
        const live = pods.filter(pod => !isTerminating(pod))
        return {
          node: nameOf(node),
          current: live.find(isCurrent),
          old: live.find(pod => !isCurrent(pod)),
        }
      })
  const everywhere = views(all)
  const candidates = views(free)
  const maxSurge = maxSurgeOf(daemonSet, desired)
  if (maxSurge > 0) {
    const surging = everywhere.filter(one => one.old !== undefined && one.current !== undefined && !isUp(one.current))
    const replaced = candidates.flatMap(({ old, current }) =>
      old !== undefined && isUp(current)
        ? [{ action: 'deletePod', pod: old, why: 'its replacement is available' } as const]
        : [],
    )
    const waiting = candidates.filter(one => one.old !== undefined && one.current === undefined)
    const made = [
      ...waiting.filter(one => !isUp(one.old)),
      ...waiting.filter(one => isUp(one.old)).slice(0, Math.max(0, maxSurge - surging.length)),
    ]
    return [
      ...replaced,
      ...made.map(({ node }) => ({ action: 'createPod', pod: daemonPod(daemonSet, node), node }) as const),
    ]
  }
  const most = Math.max(1, maxUnavailableOf(daemonSet, desired))
  const unavailable = everywhere.filter(one => !isUp(one.current ?? one.old)).length
  const old = candidates.flatMap(one => (one.old === undefined ? [] : [one.old]))
  const chosen = [
    ...old.filter(pod => !isUp(pod)),
    ...old.filter(pod => isUp(pod)).slice(0, Math.max(0, most - unavailable)),
  ]
  return chosen.map(pod => ({ action: 'deletePod', pod, why: 'its template changed' }))
}

const maxUnavailableOf = (daemonSet: DaemonSet, desired: number): number =>
  resolvePercent(daemonSet.spec?.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1, desired, 'up')

const statusOf = (daemonSet: DaemonSet, places: readonly Place[], now: number): DaemonSetStatus => {
  const minReadySeconds = daemonSet.spec?.minReadySeconds ?? 0
  const wanted = places.filter(place => place.shouldRun)
  const live = (place: Place): readonly Pod[] => place.pods.filter(pod => !isTerminating(pod))
  const count = (test: (pod: Pod) => boolean): number => wanted.filter(place => live(place).some(test)).length
  const available = count(pod => isAvailable(pod, minReadySeconds, now))
  return {
    desiredNumberScheduled: wanted.length,
    currentNumberScheduled: count(() => true),
    numberMisscheduled: places.filter(place => !place.shouldRun && live(place).length > 0).length,
    numberReady: count(isReady),
    updatedNumberScheduled: wanted.filter(place => live(place).some(place.isCurrent)).length,
    numberAvailable: available,
    numberUnavailable: wanted.length - available,
    observedGeneration: daemonSet.metadata.generation ?? 0,
  }
}
