import type { Container, Pod } from '../../api/types.ts'
import type { Facts } from './facts.ts'
import { imageNeed } from './image-need.ts'
import { isSidecar, learn, type Now, newestContainers } from './learn.ts'
import { type Outcome, type PodMemory, withContainer } from './memory.ts'
import { planContainer, type Role } from './plan-container.ts'
import { planEnd, planStops } from './plan-ending.ts'
import { lookAgain, type Planning, withSteps } from './planning.ts'
import type { ObservedPod } from './runtime.ts'
import { specHash } from './spec-hash.ts'
import { type Step, stepKey } from './step.ts'

export interface PodPlan {
  /** What can be done now, in order. */
  readonly steps: readonly Step[]
  /** What was learned. The caller keeps it and gives it back with the next look. */
  readonly memory: PodMemory
  /** Monotonic ms of the next moment at which time alone changes the plan. */
  readonly lookAgainAtMs?: number
  /** Nothing of the pod is left, and nothing of it is wanted. */
  readonly isGone: boolean
}

/**
 * The steps possible now for one pod, from what is desired, what is observed and what was learned.
 * `desired` undefined: the pod is not in the assignment; it is ended as if deleted. The caller must have seen an
 * assignment before it asks.
 * A running container whose spec hash is the desired one is never touched (k8s: computePodActions).
 *
 * @example planPod({ desired: pod, observed, memory, facts, now }).steps.map(sentenceOf)
 */
export const planPod = (of: {
  readonly desired: Pod | undefined
  readonly observed: ObservedPod | undefined
  readonly memory: PodMemory | undefined
  readonly facts: Facts
  readonly now: Now
}): PodPlan => {
  const { desired, observed, facts, now } = of
  const learned = learn(of.memory, desired, observed, now)
  const start: Planning = { steps: [], memory: learned, lookAgainAtMs: undefined }
  if (desired === undefined || desired.metadata.deletionTimestamp !== undefined) {
    const ended = planEnd({ desired, observed, facts, now, planning: start })
    return planOf(ended.planning, facts, now, ended.isGone)
  }
  const outcome = learned.outcome ?? outcomeOf(desired, observed, learned)
  if (outcome !== undefined) {
    const ended = { ...start, memory: { ...learned, outcome } }
    return planOf(planFinished(desired, observed, facts, now, ended), facts, now, false)
  }
  const deadline = desired.spec?.activeDeadlineSeconds
  const leftMs = deadline === undefined ? undefined : deadline * 1000 - learned.activeMs
  const running = planRunning(desired, observed, facts, now, start)
  return planOf(lookAgain(running, leftMs === undefined ? undefined : now.ms + leftMs), facts, now, false)
}

const planOf = (planning: Planning, facts: Facts, now: Now, isGone: boolean): PodPlan => ({
  steps: planning.steps.filter(
    (step, at, all) => all.findIndex(other => stepKey(other) === stepKey(step)) === at && !isUnderWay(step, facts, now),
  ),
  memory: planning.memory,
  isGone: isGone && facts.ongoing.size === 0,
  ...(planning.lookAgainAtMs === undefined ? {} : { lookAgainAtMs: planning.lookAgainAtMs }),
})

/** A long step that was begun is not begun again, unless a stop is now to kill sooner than it would. */
const isUnderWay = (step: Step, facts: Facts, now: Now): boolean => {
  const killsAtMs = facts.ongoing.get(stepKey(step))
  if (killsAtMs === undefined) return false
  return step.action !== 'stop container' || now.ms + step.graceSeconds * 1000 > killsAtMs - 1500
}

/** A pod that has ended: what still runs is stopped, its address is given back; its containers stay for their logs. */
const planFinished = (
  desired: Pod,
  observed: ObservedPod | undefined,
  facts: Facts,
  now: Now,
  planning: Planning,
): Planning => {
  const grace = desired.spec?.terminationGracePeriodSeconds ?? 30
  const reason = `the pod has ${planning.memory.outcome?.phase === 'Succeeded' ? 'succeeded' : 'failed'}`
  const stops = planStops({ desired, observed, facts, now, planning, graceSeconds: grace, reason })
  if (stops.isAnyRunning || facts.address === undefined) return stops.planning
  return withSteps(stops.planning, { action: 'detach network', reason })
}

const planRunning = (
  desired: Pod,
  observed: ObservedPod | undefined,
  facts: Facts,
  now: Now,
  planning: Planning,
): Planning => {
  const withFloor = planFloor(desired, observed, facts, now, planPulls(desired, observed, facts, now, planning))
  if (!withFloor.isReady) return withFloor.planning
  let next = withFloor.planning
  const newest = newestContainers(observed)
  const look = (container: Container, role: Role): ReturnType<typeof planContainer> => {
    const one = planContainer({
      pod: desired,
      container,
      role,
      newest: newest.get(container.name),
      older: (observed?.containers ?? []).filter(
        other => other.container === container.name && other !== newest.get(container.name),
      ),
      facts,
      now,
      planning: next,
    })
    next = one.planning
    return one
  }
  const inits = desired.spec?.initContainers ?? []
  const apps = desired.spec?.containers ?? []
  const hasInitialized = next.memory.isInitialized || apps.some(app => newest.has(app.name))
  for (const init of inits) {
    if (hasInitialized && !isSidecar(init)) continue
    const { isDone } = look(init, isSidecar(init) ? 'sidecar' : 'init')
    if (!isDone && !hasInitialized) return next
  }
  next = { ...next, memory: { ...next.memory, isInitialized: true } }
  for (const app of apps) {
    // k8s: the next container is not started before the hook of this one is done.
    if (look(app, 'app').isHookPending) break
  }
  return next
}

/** Images of containers that will be needed are fetched beside everything else. */
const planPulls = (
  desired: Pod,
  observed: ObservedPod | undefined,
  facts: Facts,
  now: Now,
  planning: Planning,
): Planning => {
  const isThere = observed !== undefined && observed.containers.length > 0
  if (isThere) return planning
  let next = planning
  const pulled = new Set<string>()
  for (const container of [...(desired.spec?.initContainers ?? []), ...(desired.spec?.containers ?? [])]) {
    const image = container.image ?? ''
    const known = next.memory.containers[container.name]
    const need = imageNeed(container, specHash(desired, container), known, facts.images(image), now.ms)
    if (need.action !== 'pull' || pulled.has(image)) continue
    pulled.add(image)
    next = withSteps(next, need.step)
  }
  return next
}

/** What stands under every container: volumes, sandbox, network and files, made in this order. */
const planFloor = (
  desired: Pod,
  observed: ObservedPod | undefined,
  facts: Facts,
  now: Now,
  planning: Planning,
): { readonly planning: Planning; readonly isReady: boolean } => {
  const steps: Step[] = []
  const { memory } = planning
  const isHostNetwork = desired.spec?.hostNetwork === true
  if (observed?.sandbox === undefined) {
    for (const one of observed?.containers ?? [])
      steps.push({
        action: 'remove container',
        container: one.container,
        attempt: one.attempt,
        reason: 'the sandbox it ran in is gone',
      })
  }
  if (facts.volumes !== 'ready') {
    const reason = facts.volumes === 'absent' ? 'its volumes are not there' : 'the content of its volumes has changed'
    steps.push({ action: 'prepare volumes', reason })
  }
  if (observed?.sandbox === undefined) {
    steps.push({ action: 'make sandbox', reason: 'the pod has no sandbox' })
    if (isHostNetwork) steps.push({ action: 'write files', reason: 'the sandbox is new' })
    else steps.push({ action: 'attach network', reason: 'the sandbox is new' })
  } else if (!isHostNetwork && facts.address === undefined) {
    steps.push({ action: 'attach network', reason: 'the pod has no address' })
  } else if (memory.writtenFor !== (isHostNetwork ? 'host' : facts.address)) {
    steps.push({ action: 'write files', reason: 'its hosts file is not of its address' })
  }
  // New content of volumes must not hold up containers, and may fail without touching them.
  const isReady = steps.every(step => step.action === 'prepare volumes' && facts.volumes === 'stale')
  const trouble = memory.trouble
  if (trouble !== undefined && steps.length > 0 && trouble.retryAtMs > now.ms) {
    return { planning: lookAgain(planning, trouble.retryAtMs), isReady }
  }
  return { planning: withSteps(planning, ...steps), isReady }
}

/** How the pod has ended, or undefined while it has not (k8s: getPhase, and activeDeadlineSeconds). */
const outcomeOf = (desired: Pod, observed: ObservedPod | undefined, memory: PodMemory): Outcome | undefined => {
  const { spec } = desired
  const deadline = spec?.activeDeadlineSeconds
  if (deadline !== undefined && memory.activeMs >= deadline * 1000)
    return {
      phase: 'Failed',
      reason: 'DeadlineExceeded',
      message: `the pod was active for longer than its activeDeadlineSeconds of ${deadline}`,
    }
  const policy = spec?.restartPolicy ?? 'Always'
  if (policy === 'Always') return undefined
  const exitOf = (container: Container): number | undefined => {
    const one = memory.containers[container.name]
    return one?.end !== undefined && one.end.attempt === one.attempt ? one.end.terminated.exitCode : undefined
  }
  const apps = spec?.containers ?? []
  const hasStarted = Object.values(memory.containers).some(one => one.attempt >= 0)
  if (policy === 'Never') {
    const inits = (spec?.initContainers ?? []).filter(init => !isSidecar(init))
    const failed = inits.find(init => (exitOf(init) ?? 0) !== 0)
    if (failed !== undefined && !memory.isInitialized)
      return { phase: 'Failed', message: `init container ${failed.name} failed and restartPolicy is Never` }
    const hasEnded = apps.length > 0 && apps.every(app => exitOf(app) !== undefined)
    if (hasEnded) return { phase: apps.every(app => exitOf(app) === 0) ? 'Succeeded' : 'Failed' }
    if (observed?.sandbox === undefined && hasStarted)
      return { phase: 'Failed', message: 'the node restarted while the pod ran, and restartPolicy is Never' }
    return undefined
  }
  return apps.length > 0 && apps.every(app => exitOf(app) === 0) ? { phase: 'Succeeded' } : undefined
}

/** Lets every retry happen at once: the desired state has changed, and with it maybe the cause. */
export const forgive = (memory: PodMemory): PodMemory => {
  let next: PodMemory =
    memory.trouble === undefined ? memory : { ...memory, trouble: { ...memory.trouble, retryAtMs: 0 } }
  for (const [name, one] of Object.entries(memory.containers))
    if (one.trouble !== undefined) next = withContainer(next, name, { trouble: { ...one.trouble, retryAtMs: 0 } })
  return next
}
