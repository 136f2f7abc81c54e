import { selectorOf } from '../../api/selector.ts'
import type { Pod, ReplicaSet, ReplicaSetStatus } from '../../api/types.ts'
import { claim } from './claim.ts'
import { withCondition, withoutCondition } from './conditions.ts'
import { availableAtMs, isActive, isFinished, isReady, isTerminating } from './pod-facts.ts'
import { ownedBy, podFromTemplate } from './pod-from-template.ts'
import { rankSurplus } from './rank-surplus.ts'

export type ReplicaSetAction =
  | { readonly action: 'createPod'; readonly pod: Pod }
  | { readonly action: 'deletePod'; readonly pod: Pod; readonly why: string }
  | { readonly action: 'adoptPod'; readonly pod: Pod }
  | { readonly action: 'releasePod'; readonly pod: Pod }

export interface ReplicaSetPlan {
  readonly actions: readonly ReplicaSetAction[]
  /** As observed before the actions. */
  readonly status: ReplicaSetStatus
  /** When a ready pod becomes available by age alone. */
  readonly lookAgainAtMs?: number
}

/** At most this many pods are made or deleted in one round; the next change brings the next round. k8s: BurstReplicas */
export const mostAtOnce = 500

/**
 * What a ReplicaSet does now. `pods` are those it owns and the orphans of its namespace. Pods that are being deleted
 * count as gone, wherever they still run: so a pod replaced on a lost node makes room for its replacement.
 *
 * @example planReplicaSet({ replicaSet, pods, now }).actions // [{ action: 'createPod', … }]
 */
export const planReplicaSet = (view: {
  readonly replicaSet: ReplicaSet
  readonly pods: readonly Pod[]
  readonly now: number
  /** Why pods could not be made in the last round, as the API said. */
  readonly failure?: { readonly reason: string; readonly message: string }
}): ReplicaSetPlan => {
  const { replicaSet, now } = view
  const selector = selectorOf(replicaSet.spec?.selector)
  if (selector === undefined || selector.length === 0)
    return { actions: [], status: replicaSet.status ?? { replicas: 0 } }
  const { mine, adopt, release } = claim(
    replicaSet,
    selector,
    view.pods.filter(pod => !isFinished(pod) || isOwned(pod)),
  )
  const active = mine.filter(isActive)
  const wanted = replicaSet.spec?.replicas ?? 1
  const actions: ReplicaSetAction[] = [
    ...adopt.filter(pod => !isFinished(pod)).map(pod => ({ action: 'adoptPod', pod }) as const),
    ...release.map(pod => ({ action: 'releasePod', pod }) as const),
  ]
  if (!isTerminating(replicaSet)) actions.push(...countTo(wanted, active, replicaSet))
  const soon = soonestAvailable(active, replicaSet.spec?.minReadySeconds ?? 0, now)
  return {
    actions,
    status: statusOf(replicaSet, mine, active, wanted, now, view.failure),
    ...(soon === undefined ? {} : { lookAgainAtMs: soon }),
  }
}

const isOwned = (pod: Pod): boolean => (pod.metadata.ownerReferences ?? []).some(owner => owner.controller === true)

const countTo = (wanted: number, active: readonly Pod[], replicaSet: ReplicaSet): readonly ReplicaSetAction[] => {
  if (active.length < wanted) {
    const owner = ownedBy(replicaSet, 'apps/v1', 'ReplicaSet')
    const pod = podFromTemplate(replicaSet.spec?.template, replicaSet.metadata.namespace ?? '', owner)
    return Array.from({ length: Math.min(wanted - active.length, mostAtOnce) }, () => ({ action: 'createPod', pod }))
  }
  if (active.length === wanted) return []
  return rankSurplus(active)
    .slice(0, Math.min(active.length - wanted, mostAtOnce))
    .map(pod => ({ action: 'deletePod', pod, why: `${active.length} pods where ${wanted} are wanted` }))
}

const soonestAvailable = (active: readonly Pod[], minReadySeconds: number, now: number): number | undefined => {
  const times = active.map(pod => availableAtMs(pod, minReadySeconds)).filter(at => at !== undefined && at > now)
  return times.length === 0 ? undefined : Math.min(...times.map(at => at ?? 0))
}

const statusOf = (
  replicaSet: ReplicaSet,
  mine: readonly Pod[],
  active: readonly Pod[],
  wanted: number,
  now: number,
  failure: { readonly reason: string; readonly message: string } | undefined,
): ReplicaSetStatus => {
  const templateLabels = Object.entries(replicaSet.spec?.template?.metadata?.labels ?? {})
  const minReadySeconds = replicaSet.spec?.minReadySeconds ?? 0
  const conditions =
    failure !== undefined && active.length !== wanted
      ? withCondition(replicaSet.status?.conditions, { type: 'ReplicaFailure', status: 'True', ...failure }, now)
      : withoutCondition(replicaSet.status?.conditions, 'ReplicaFailure')
  return {
    replicas: active.length,
    fullyLabeledReplicas: active.filter(pod =>
      templateLabels.every(([key, value]) => pod.metadata.labels?.[key] === value),
    ).length,
    readyReplicas: active.filter(isReady).length,
    availableReplicas: active.filter(pod => (availableAtMs(pod, minReadySeconds) ?? now + 1) <= now).length,
    terminatingReplicas: mine.filter(pod => isTerminating(pod) && !isFinished(pod)).length,
    observedGeneration: replicaSet.metadata.generation ?? 0,
    ...(conditions.length === 0 ? {} : { conditions }),
  }
}
