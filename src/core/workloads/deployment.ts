import { selectorOf } from '../../api/selector.ts'
import type { Deployment, DeploymentStatus, Pod, ReplicaSet } from '../../api/types.ts'
import { claim } from './claim.ts'
import {
  annotationsFor,
  byAge,
  makeReplicaSet,
  newReplicaSetOf,
  nextRevision,
  outOfHistory,
  revisionOf,
  sizeAnnotations,
} from './deployment-revisions.ts'
import type { Sizes } from './deployment-scale.ts'
import { isResized, newSize, resize, shrinkOld } from './deployment-scale.ts'
import { deadlineAtMs, deploymentStatus, isComplete } from './deployment-status.ts'
import { isFinished, isTerminating, uidOf } from './pod-facts.ts'

/*
 *   adopt, release ─> find or make the ReplicaSet of the current template ─> one of:
 *     replicas changed ─> resize        paused ─> (resize only)
 *     Recreate         ─> old to zero, wait for their pods to be gone, new to full size
 *     RollingUpdate    ─> new up as far as maxSurge allows, or else old down as far as maxUnavailable allows
 *   ─> status, history
 */
export type DeploymentAction =
  | { readonly action: 'adoptReplicaSet'; readonly replicaSet: ReplicaSet }
  | { readonly action: 'releaseReplicaSet'; readonly replicaSet: ReplicaSet }
  | { readonly action: 'createReplicaSet'; readonly replicaSet: ReplicaSet }
  | {
      readonly action: 'changeReplicaSet'
      readonly replicaSet: ReplicaSet
      readonly from: number
      readonly to: number
    }
  | { readonly action: 'deleteReplicaSet'; readonly replicaSet: ReplicaSet }
  | { readonly action: 'setRevision'; readonly revision: number }

export interface DeploymentPlan {
  readonly actions: readonly DeploymentAction[]
  readonly status: DeploymentStatus
  readonly lookAgainAtMs?: number
}

/**
 * What a Deployment does now. `replicaSets` are those it owns and the orphans of its namespace; `oldPods` gives the pods
 * that may still run for a ReplicaSet (Recreate waits for them).
 *
 * A rolling update takes available pods away only where others have become available: see `shrinkOld`.
 *
 * @example planDeployment({ deployment, replicaSets, podsOf, now }).actions // [{ action: 'createReplicaSet', … }]
 */
export const planDeployment = (view: {
  readonly deployment: Deployment
  readonly replicaSets: readonly ReplicaSet[]
  readonly podsOf: (replicaSet: ReplicaSet) => readonly Pod[]
  readonly now: number
}): DeploymentPlan => {
  const { deployment, now } = view
  const selector = selectorOf(deployment.spec?.selector)
  if (selector === undefined || selector.length === 0) return { actions: [], status: deployment.status ?? {} }
  const { mine, adopt, release } = claim(deployment, selector, view.replicaSets)
  const claims: readonly DeploymentAction[] = [
    ...adopt.map(replicaSet => ({ action: 'adoptReplicaSet', replicaSet }) as const),
    ...release.map(replicaSet => ({ action: 'releaseReplicaSet', replicaSet }) as const),
  ]
  const found = newReplicaSetOf(deployment, mine)
  const old = byAge(mine.filter(one => one !== found))
  if (isTerminating(deployment)) {
    return { actions: claims, status: deploymentStatus({ deployment, newest: found, isNewestMade: false, old, now }) }
  }
  const revision = nextRevision(old)
  const isPaused = deployment.spec?.paused === true
  const isMakeable = found === undefined && !isPaused && !(isRecreate(deployment) && areStillUp(old, view.podsOf))
  const made = isMakeable ? makeReplicaSet(deployment, newSize(deployment, old, 0), revision) : undefined
  const newest = found ?? made
  const sizes = made === undefined ? sizesNow(view, old, found) : new Map<string, number>()
  const wanted = mine.flatMap(one =>
    changeOf(deployment, one, one === found, sizes.get(uidOf(one)), revision, isPaused),
  )
  const status = deploymentStatus({ deployment, newest, isNewestMade: made !== undefined, old, now })
  const shown = found === undefined ? revision : Math.max(revision, revisionOf(found))
  const deadline = deadlineAtMs({ ...deployment, status })
  return {
    actions: [
      ...claims,
      ...(made === undefined ? [] : [{ action: 'createReplicaSet', replicaSet: made } as const]),
      ...wanted,
      ...(newest !== undefined && !isPaused && revisionOf(deployment) !== shown
        ? [{ action: 'setRevision', revision: shown } as const]
        : []),
      ...(isComplete(deployment, status) || isPaused ? outOfHistory(deployment, old) : []).map(
        replicaSet => ({ action: 'deleteReplicaSet', replicaSet }) as const,
      ),
    ],
    status,
    ...(deadline === undefined ? {} : { lookAgainAtMs: Math.max(deadline, now + 1) }),
  }
}

const isRecreate = (deployment: Deployment): boolean => deployment.spec?.strategy?.type === 'Recreate'

/** Whether pods of another template are wanted, or may still run. */
const areStillUp = (old: readonly ReplicaSet[], podsOf: (one: ReplicaSet) => readonly Pod[]): boolean =>
  old.some(one => (one.spec?.replicas ?? 0) > 0 || podsOf(one).some(pod => !isFinished(pod)))

const sizesNow = (
  { deployment, podsOf }: { readonly deployment: Deployment; readonly podsOf: (one: ReplicaSet) => readonly Pod[] },
  old: readonly ReplicaSet[],
  newest: ReplicaSet | undefined,
): Sizes => {
  const all = newest === undefined ? old : [...old, newest]
  if (deployment.spec?.paused === true) return resize(deployment, old, newest)
  if (isRecreate(deployment)) {
    const up = old.filter(one => (one.spec?.replicas ?? 0) > 0)
    if (up.length > 0) return new Map(up.map(one => [uidOf(one), 0]))
    if (areStillUp(old, podsOf)) return new Map()
  }
  if (newest === undefined) return new Map()
  if (!isRecreate(deployment) && isResized(deployment, all)) return resize(deployment, old, newest)
  const current = newest.spec?.replicas ?? 0
  const replicas = deployment.spec?.replicas ?? 1
  const size = current > replicas ? replicas : newSize(deployment, old, current)
  if (size !== current) return new Map([[uidOf(newest), size]])
  return shrinkOld(deployment, old, newest)
}

/** The ReplicaSet as it shall be, where that differs: its size, and for the newest also what follows the Deployment. */
const changeOf = (
  deployment: Deployment,
  one: ReplicaSet,
  isNewest: boolean,
  size: number | undefined,
  revision: number,
  isPaused: boolean,
): readonly DeploymentAction[] => {
  const from = one.spec?.replicas ?? 0
  const to = size ?? from
  const before = one.metadata.annotations ?? {}
  const annotations =
    isNewest && !isPaused
      ? annotationsFor(deployment, one, revision)
      : to === 0 && from === 0
        ? before
        : { ...before, ...sizeAnnotations(deployment) }
  const minReadySeconds = isNewest ? (deployment.spec?.minReadySeconds ?? 0) : (one.spec?.minReadySeconds ?? 0)
  const isSame = from === to && minReadySeconds === (one.spec?.minReadySeconds ?? 0) && sameEntries(before, annotations)
  if (isSame) return []
  const spec = { ...one.spec, selector: one.spec?.selector ?? {}, replicas: to, minReadySeconds }
  return [
    {
      action: 'changeReplicaSet',
      replicaSet: { ...one, metadata: { ...one.metadata, annotations }, spec },
      from,
      to,
    },
  ]
}

const sameEntries = (a: { readonly [key: string]: string }, b: { readonly [key: string]: string }): boolean =>
  Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([key, value]) => b[key] === value)
