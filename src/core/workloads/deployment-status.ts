import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '../../api/types.ts'
import { withCondition, withoutCondition } from './conditions.ts'
import { nameOf, timeMs, timeText } from './pod-facts.ts'
import { fenceposts } from './resolve-percent.ts'

interface StatusView {
  readonly deployment: Deployment
  /** Undefined while there is none yet for the current template. */
  readonly newest: ReplicaSet | undefined
  /** Whether `newest` is made in this very round. */
  readonly isNewestMade: boolean
  readonly old: readonly ReplicaSet[]
  readonly now: number
}

const sum = (numbers: readonly (number | undefined)[]): number =>
  numbers.reduce((total: number, number) => total + (number ?? 0), 0)

/**
 * A Deployment's status from what its ReplicaSets say of themselves, with the conditions that
 * `kubectl rollout status` and `kubectl wait` read. k8s: syncRolloutStatus
 */
export const deploymentStatus = (view: StatusView): DeploymentStatus => {
  const { deployment, newest, old } = view
  const all = newest === undefined || view.isNewestMade ? old : [...old, newest]
  const counts = {
    replicas: sum(all.map(one => one.status?.replicas)),
    updatedReplicas: view.isNewestMade ? 0 : (newest?.status?.replicas ?? 0),
    readyReplicas: sum(all.map(one => one.status?.readyReplicas)),
    availableReplicas: sum(all.map(one => one.status?.availableReplicas)),
    unavailableReplicas: Math.max(
      0,
      sum([...all, ...(view.isNewestMade && newest !== undefined ? [newest] : [])].map(one => one.spec?.replicas)) -
        sum(all.map(one => one.status?.availableReplicas)),
    ),
    terminatingReplicas: sum(all.map(one => one.status?.terminatingReplicas)),
  }
  const conditions = conditionsOf(view, counts)
  const collisions = deployment.status?.collisionCount
  return {
    ...counts,
    observedGeneration: deployment.metadata.generation ?? 0,
    ...(collisions === undefined ? {} : { collisionCount: collisions }),
    ...(conditions.length === 0 ? {} : { conditions }),
  }
}

type Counts = Pick<
  DeploymentStatus,
  'replicas' | 'updatedReplicas' | 'readyReplicas' | 'availableReplicas' | 'unavailableReplicas'
>

const conditionsOf = (view: StatusView, counts: Counts): readonly DeploymentCondition[] => {
  const { deployment, now } = view
  const replicas = deployment.spec?.replicas ?? 1
  const isAvailable = (counts.availableReplicas ?? 0) >= replicas - fenceposts(deployment).maxUnavailable
  const withAvailable = set(
    deployment.status?.conditions,
    isAvailable
      ? condition('Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.')
      : condition('Available', 'False', 'MinimumReplicasUnavailable', 'Deployment does not have minimum availability.'),
    now,
  )
  return withFailure(withProgress(withAvailable, view, counts), view)
}

const condition = (type: string, status: string, reason: string, message: string): DeploymentCondition => ({
  type,
  status,
  reason,
  message,
})

/** Sets the condition; `lastUpdateTime` moves with any change. */
const set = (
  conditions: readonly DeploymentCondition[] | undefined,
  wanted: DeploymentCondition,
  now: number,
): readonly DeploymentCondition[] => {
  const list = withCondition(conditions, wanted, now)
  if (list === conditions) return list
  return list.map(one => (one.type === wanted.type ? { ...one, lastUpdateTime: timeText(now) } : one))
}

const noDeadline = 2_147_483_647

export const progressDeadlineMs = (deployment: Deployment): number | undefined => {
  const seconds = deployment.spec?.progressDeadlineSeconds ?? 600
  return seconds >= noDeadline ? undefined : seconds * 1000
}

const progressOf = (conditions: readonly DeploymentCondition[] | undefined): DeploymentCondition | undefined =>
  conditions?.find(one => one.type === 'Progressing')

const withProgress = (
  conditions: readonly DeploymentCondition[],
  view: StatusView,
  counts: Counts,
): readonly DeploymentCondition[] => {
  const { deployment, newest, now } = view
  if (progressDeadlineMs(deployment) === undefined) return withoutCondition(conditions, 'Progressing')
  const present = progressOf(conditions)
  const say = (status: string, reason: string, message: string) =>
    set(conditions, condition('Progressing', status, reason, message), now)
  if (deployment.spec?.paused === true) {
    if (present?.reason === 'ProgressDeadlineExceeded') return conditions
    return say('Unknown', 'DeploymentPaused', 'Deployment is paused')
  }
  if (newest === undefined) return conditions
  const name = `ReplicaSet "${nameOf(newest)}"`
  if (view.isNewestMade) return say('True', 'NewReplicaSetCreated', `Created new replica set "${nameOf(newest)}"`)
  if (isComplete(deployment, counts)) {
    return say('True', 'NewReplicaSetAvailable', `${name} has successfully progressed.`)
  }
  const wasComplete = present?.reason === 'NewReplicaSetAvailable'
  // k8s: a Deployment that was complete and lost pods is not rolling out: its condition stays.
  if (wasComplete && counts.replicas === counts.updatedReplicas && !isNewTemplate(view)) return conditions
  if (present === undefined || isNewTemplate(view) || present.reason === 'DeploymentPaused') {
    return present?.reason === 'DeploymentPaused'
      ? say('Unknown', 'DeploymentResumed', 'Deployment is resumed')
      : say('True', 'FoundNewReplicaSet', `Found new replica set "${nameOf(newest)}"`)
  }
  if (hasProgressed(deployment.status, counts)) {
    const moved = say('True', 'ReplicaSetUpdated', `${name} is progressing.`)
    return moved.map(one => (one.type === 'Progressing' ? { ...one, lastUpdateTime: timeText(now) } : one))
  }
  const deadline = deadlineAtMs(deployment)
  if (deadline !== undefined && deadline <= now) {
    return say('False', 'ProgressDeadlineExceeded', `${name} has timed out progressing.`)
  }
  return conditions
}

/** The newest ReplicaSet is another than the one whose revision the Deployment carries: a roll-back to an old one. */
const isNewTemplate = ({ deployment, newest }: StatusView): boolean =>
  deployment.metadata.annotations?.['deployment.kubernetes.io/revision'] !==
  newest?.metadata.annotations?.['deployment.kubernetes.io/revision']

const hasProgressed = (before: DeploymentStatus | undefined, now: Counts): boolean =>
  (now.updatedReplicas ?? 0) > (before?.updatedReplicas ?? 0) ||
  (now.replicas ?? 0) - (now.updatedReplicas ?? 0) < (before?.replicas ?? 0) - (before?.updatedReplicas ?? 0) ||
  (now.readyReplicas ?? 0) > (before?.readyReplicas ?? 0) ||
  (now.availableReplicas ?? 0) > (before?.availableReplicas ?? 0)

/** Whether all wanted pods run the current template and are available, and no others are left. */
export const isComplete = (deployment: Deployment, counts: Counts): boolean => {
  const replicas = deployment.spec?.replicas ?? 1
  return counts.updatedReplicas === replicas && counts.replicas === replicas && counts.availableReplicas === replicas
}

/** When (ms) a roll-out that makes no progress is called failed; undefined while that clock does not run. */
export const deadlineAtMs = (deployment: Deployment): number | undefined => {
  const deadline = progressDeadlineMs(deployment)
  const progress = progressOf(deployment.status?.conditions)
  if (deadline === undefined || progress === undefined || deployment.spec?.paused === true) return undefined
  if (progress.reason === 'NewReplicaSetAvailable' || progress.reason === 'ProgressDeadlineExceeded') return undefined
  const since = timeMs(progress.lastUpdateTime) ?? timeMs(progress.lastTransitionTime)
  return since === undefined ? undefined : since + deadline
}

const withFailure = (
  conditions: readonly DeploymentCondition[],
  { newest, old, now }: StatusView,
): readonly DeploymentCondition[] => {
  const failed = [newest, ...old]
    .flatMap(one => one?.status?.conditions ?? [])
    .find(one => one.type === 'ReplicaFailure' && one.status === 'True')
  return failed === undefined
    ? withoutCondition(conditions, 'ReplicaFailure')
    : set(conditions, condition('ReplicaFailure', 'True', failed.reason ?? '', failed.message ?? ''), now)
}
