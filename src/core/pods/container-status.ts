import type { Container, ContainerState, ContainerStatus, Pod } from '../../api/types.ts'
import type { Facts } from './facts.ts'
import { imageNeed, pullPolicyOf } from './image-need.ts'
import { kubeTime } from './kube-time.ts'
import { type Now, restartDelayMs } from './learn.ts'
import { type ContainerMemory, emptyContainerMemory, type PodMemory } from './memory.ts'
import type { Role } from './plan-container.ts'
import type { ObservedContainer } from './runtime.ts'
import { specHash } from './spec-hash.ts'

/** What is known of one container when its status is written. */
export interface Sighting {
  readonly pod: Pod
  readonly container: Container
  readonly role: Role
  readonly newest: ObservedContainer | undefined
  readonly memory: PodMemory
  readonly facts: Facts
  readonly now: Now
}

/** The status of one container, from what is observed and learned (k8s: convertToAPIContainerStatuses). */
export const containerStatus = (of: Sighting): ContainerStatus => {
  const { container, newest, role } = of
  const memory = of.memory.containers[container.name] ?? emptyContainerMemory
  const state = stateOf(of, memory)
  const lastState = lastStateOf(memory, state)
  const isStarted = state.running !== undefined && hasStarted(of, memory)
  return {
    name: container.name,
    state,
    ...(lastState === undefined ? {} : { lastState }),
    ready:
      role === 'init'
        ? state.terminated?.exitCode === 0
        : state.running !== undefined && isReady(of, memory, isStarted),
    started: isStarted,
    restartCount: Math.max(0, memory.attempt),
    image: newest?.image ?? container.image ?? '',
    imageID: newest?.imageId ?? '',
    ...(newest === undefined ? {} : { containerID: `podman://${newest.engineId}` }),
  }
}

const stateOf = (of: Sighting, memory: ContainerMemory): ContainerState => {
  const { newest, now } = of
  if (newest?.state === 'running') return { running: { startedAt: kubeTime(newest.startedAt) } }
  const end = memory.end?.attempt === memory.attempt ? memory.end : undefined
  if (end === undefined || memory.attempt < 0) return { waiting: waitingOf(of, memory) }
  const terminated = { terminated: end.terminated }
  if (of.memory.outcome !== undefined || of.memory.ending !== undefined || !willRestart(of, end.terminated.exitCode))
    return terminated
  if (memory.trouble !== undefined) return { waiting: waitingOf(of, memory) }
  const dueMs = (end.seenAtMs ?? now.ms) + restartDelayMs(end.level)
  if (end.level > 0 && now.ms < dueMs) {
    const name = `${of.memory.name}_${of.memory.namespace}(${of.memory.uid})`
    const message = `back-off ${restartDelayMs(end.level) / 1000}s restarting failed container=${of.container.name} pod=${name}`
    return { waiting: { reason: 'CrashLoopBackOff', message } }
  }
  const isGone = newest === undefined || newest.state === 'created'
  return isGone ? { waiting: waitingOf(of, memory) } : terminated
}

const willRestart = (of: Sighting, exitCode: number): boolean => {
  const policy = of.pod.spec?.restartPolicy ?? 'Always'
  if (of.role === 'sidecar') return true
  if (of.role === 'init' && exitCode === 0) return of.newest === undefined && !of.memory.isInitialized
  return policy === 'Always' || of.role === 'init' ? policy !== 'Never' : policy === 'OnFailure' && exitCode !== 0
}

/** Why a container is not there yet, down to the cause. */
const waitingOf = (of: Sighting, memory: ContainerMemory): { readonly reason: string; readonly message?: string } => {
  const { container, facts, now } = of
  if (memory.trouble !== undefined) return { reason: memory.trouble.reason, message: memory.trouble.message }
  const image = container.image ?? ''
  const fact = facts.images(image)
  if (!fact.isPresent && pullPolicyOf(container) === 'Never')
    return {
      reason: 'ErrImageNeverPull',
      message: `Container image "${image}" is not present with pull policy of Never`,
    }
  const needs = imageNeed(container, specHash(of.pod, container), memory, fact, now.ms).action !== 'none'
  if (needs && fact.pull !== undefined && fact.pull !== 'pulling')
    return fact.pull.tries <= 1
      ? { reason: 'ErrImagePull', message: fact.pull.message }
      : { reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}": ${fact.pull.message}` }
  const reason = (of.pod.spec?.initContainers ?? []).length > 0 ? 'PodInitializing' : 'ContainerCreating'
  if (of.memory.trouble !== undefined) return { reason, message: of.memory.trouble.message }
  return needs && fact.pull === 'pulling' ? { reason, message: `pulling image "${image}"` } : { reason }
}

/** The end before the state that is shown. */
const lastStateOf = (memory: ContainerMemory, state: ContainerState): ContainerState | undefined => {
  const terminated = state.terminated === undefined ? memory.end?.terminated : memory.endBefore
  return terminated === undefined ? undefined : { terminated }
}

const hasStarted = (of: Sighting, memory: ContainerMemory): boolean => {
  const attempt = of.newest?.attempt
  const hook = of.container.lifecycle?.postStart
  if (hook !== undefined && memory.postStart?.attempt !== attempt) return false
  if (of.container.startupProbe === undefined) return true
  const probe = of.facts.probes[of.container.name]
  if (probe?.attempt === attempt) return probe?.isStarted === true
  return memory.probed?.attempt === attempt && memory.probed?.isStarted === true
}

const isReady = (of: Sighting, memory: ContainerMemory, isStarted: boolean): boolean => {
  if (!isStarted) return false
  if (of.container.readinessProbe === undefined) return true
  const attempt = of.newest?.attempt
  const probe = of.facts.probes[of.container.name]
  if (probe?.attempt === attempt) return probe?.isReady === true
  return memory.probed?.attempt === attempt && memory.probed?.isReady === true
}
