import type { Container, ContainerStateTerminated, Pod } from '../../api/types.ts'
import { kubeTime } from './kube-time.ts'
import { type ContainerMemory, type End, emptyContainerMemory, type PodMemory, withContainer } from './memory.ts'
import type { ObservedContainer, ObservedPod } from './runtime.ts'

/** Two clocks: `wallMs` since 1970, which may jump, and `ms`, which only grows. */
export interface Now {
  readonly wallMs: number
  readonly ms: number
}

/** A run of this length forgives all failures before it (k8s: twice the longest back-off). */
const forgivingRunMs = 600_000

/**
 * What the node knows of a pod after a look at it: attempts seen, ends that are new, and what died with the sandbox.
 * Pure and idempotent; a first look makes the memory.
 *
 * @example learn(undefined, pod, observed, { wallMs: Date.now(), ms: clock.monotonic() })
 */
export const learn = (
  memory: PodMemory | undefined,
  desired: Pod | undefined,
  observed: ObservedPod | undefined,
  now: Now,
): PodMemory => {
  let known = withSpec(memory ?? firstMemory(desired, observed, now), desired)
  const hasSandbox = observed?.sandbox !== undefined
  if (!hasSandbox) known = { ...known, isInitialized: false, writtenFor: undefined }
  for (const [name, newest] of newestContainers(observed)) {
    const before = known.containers[name] ?? emptyContainerMemory
    known = withContainer(known, name, learnContainer(before, newest, hasSandbox, now))
  }
  for (const [name, one] of Object.entries(known.containers)) {
    if (observed?.containers.some(container => container.container === name)) continue
    known = withContainer(known, name, learnAbsence(one, now))
  }
  const lookedAtMs = now.ms
  const activeMs = known.activeMs + Math.max(0, now.ms - (known.lookedAtMs ?? now.ms))
  return { ...known, lookedAtMs, activeMs }
}

const firstMemory = (desired: Pod | undefined, observed: ObservedPod | undefined, now: Now): PodMemory => ({
  uid: desired?.metadata.uid ?? observed?.uid ?? '',
  namespace: desired?.metadata.namespace ?? observed?.namespace ?? '',
  name: desired?.metadata.name ?? observed?.name ?? '',
  startedAt: kubeTime(now.wallMs) ?? '',
  graceSeconds: 30,
  sidecars: [],
  isInitialized: false,
  containers: {},
  activeMs: 0,
  transitions: {},
})

const withSpec = (memory: PodMemory, desired: Pod | undefined): PodMemory =>
  desired === undefined
    ? memory
    : {
        ...memory,
        graceSeconds: desired.spec?.terminationGracePeriodSeconds ?? 30,
        sidecars: (desired.spec?.initContainers ?? []).filter(isSidecar).map(one => one.name),
      }

/** k8s: an init container that restarts always runs beside the app containers. */
export const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always'

/** The newest attempt of each container. */
export const newestContainers = (observed: ObservedPod | undefined): ReadonlyMap<string, ObservedContainer> => {
  const newest = new Map<string, ObservedContainer>()
  for (const one of observed?.containers ?? []) {
    const other = newest.get(one.container)
    if (other === undefined || other.attempt < one.attempt) newest.set(one.container, one)
  }
  return newest
}

const learnContainer = (
  before: ContainerMemory,
  newest: ObservedContainer,
  hasSandbox: boolean,
  now: Now,
): ContainerMemory => {
  const attempt = Math.max(before.attempt, newest.attempt)
  const hasRun = newest.state !== 'created'
  const seen = { ...before, attempt, ...(hasRun ? { ranHash: newest.specHash } : {}) }
  const terminated = terminatedOf(newest, hasSandbox)
  if (terminated === undefined || newest.attempt < attempt) return seen
  const end = before.end
  if (end?.attempt === newest.attempt) {
    return end.seenAtMs === undefined ? { ...seen, end: { ...end, seenAtMs: now.ms } } : seen
  }
  return ended(seen, newest.attempt, terminated, hasSandbox, now)
}

/** A container that was there and has left without an end that anyone saw: power loss, or a foreign hand. */
const learnAbsence = (before: ContainerMemory, now: Now): ContainerMemory => {
  if (before.attempt < 0 || before.end?.attempt === before.attempt) {
    const end = before.end
    return end !== undefined && end.seenAtMs === undefined ? { ...before, end: { ...end, seenAtMs: now.ms } } : before
  }
  return ended(before, before.attempt, unknownEnd(undefined), false, now)
}

const ended = (
  before: ContainerMemory,
  attempt: number,
  terminated: ContainerStateTerminated,
  isItsOwnFault: boolean,
  now: Now,
): ContainerMemory => {
  const end: End = {
    attempt,
    level: isItsOwnFault ? levelAfter(before.end, terminated) : 0,
    terminated,
    seenAtMs: now.ms,
  }
  return { ...before, end, endBefore: before.end?.terminated, stopping: undefined }
}

const levelAfter = (last: End | undefined, terminated: ContainerStateTerminated): number => {
  const ranMs = Date.parse(terminated.finishedAt ?? '') - Date.parse(terminated.startedAt ?? '')
  return ranMs >= forgivingRunMs || last === undefined ? 0 : last.level + 1
}

/** How long after the end of an attempt the next may start: at once, then 10 s doubling to five minutes. */
export const restartDelayMs = (level: number): number =>
  level === 0 ? 0 : Math.min(300_000, 10_000 * 2 ** Math.min(level - 1, 10))

/** The end of a container, from what is observed; undefined while it runs or may still be started. */
const terminatedOf = (one: ObservedContainer, hasSandbox: boolean): ContainerStateTerminated | undefined => {
  const containerID = `podman://${one.engineId}`
  if (one.state === 'running') return undefined
  if (one.state === 'lost') return unknownEnd(one)
  if (one.state === 'created') {
    if (one.error !== undefined)
      return {
        exitCode: 128,
        reason: 'StartError',
        message: one.error,
        containerID,
        finishedAt: kubeTime(one.createdAt),
      }
    // After a power loss the engine says `created` of what ran: its sandbox is gone.
    return hasSandbox ? undefined : unknownEnd(one)
  }
  const exitCode = one.exitCode ?? 137
  return {
    exitCode,
    reason: one.oomKilled ? 'OOMKilled' : exitCode === 0 ? 'Completed' : 'Error',
    containerID,
    startedAt: kubeTime(one.startedAt),
    finishedAt: kubeTime(one.finishedAt),
    ...(one.signal === undefined ? {} : { signal: one.signal }),
    ...(one.terminationMessage ? { message: one.terminationMessage } : {}),
  }
}

/** k8s: ContainerStatusUnknown, exit code 137. */
const unknownEnd = (one: ObservedContainer | undefined): ContainerStateTerminated => ({
  exitCode: 137,
  reason: 'ContainerStatusUnknown',
  message: 'nobody saw the container end: the node lost power, or its monitor was killed',
  ...(one === undefined ? {} : { containerID: `podman://${one.engineId}` }),
  ...(one?.startedAt === undefined ? {} : { startedAt: kubeTime(one.startedAt) }),
})
