import type { Container, Pod } from '../../api/types.ts'
import type { Facts } from './facts.ts'
import { imageNeed } from './image-need.ts'
import { type Now, restartDelayMs } from './learn.ts'
import { type ContainerMemory, emptyContainerMemory } from './memory.ts'
import { planStop } from './plan-stop.ts'
import { lookAgain, type Planning, withSteps } from './planning.ts'
import type { ObservedContainer } from './runtime.ts'
import { specHash } from './spec-hash.ts'

export type Role = 'init' | 'sidecar' | 'app'

export interface ContainerPlanning {
  readonly planning: Planning
  /** An init container that has succeeded, a sidecar that has started: the next in line may go. */
  readonly isDone: boolean
  readonly isHookPending: boolean
}

interface Looked {
  readonly pod: Pod
  readonly container: Container
  readonly role: Role
  readonly newest: ObservedContainer | undefined
  /** Its other attempts that are still there. */
  readonly older: readonly ObservedContainer[]
  readonly facts: Facts
  readonly now: Now
  readonly planning: Planning
}

/** Adds the steps possible now for one container of a pod that has its sandbox. */
export const planContainer = (of: Looked): ContainerPlanning => {
  const looked = { ...of, planning: removeOlder(of) }
  if (of.role === 'init' && of.newest?.state === 'exited' && of.newest.exitCode === 0)
    return { planning: looked.planning, isDone: true, isHookPending: false }
  if (of.newest?.state === 'running') return planOfRunning(looked, of.newest)
  const planning = planOfStopped(looked)
  const isStarting = planning.steps.some(
    step => step.action === 'start container' && step.container === of.container.name,
  )
  return { planning, isDone: false, isHookPending: isStarting && of.container.lifecycle?.postStart !== undefined }
}

const memoryOf = (of: Looked): ContainerMemory =>
  of.planning.memory.containers[of.container.name] ?? emptyContainerMemory

/** The attempt before the newest stays for its logs; what is older leaves. */
const removeOlder = (of: Looked): Planning => {
  const newest = of.newest?.attempt ?? -1
  const leaving = of.older.filter(one => one.attempt < newest - 1 || one.state !== 'exited')
  return withSteps(
    of.planning,
    ...leaving.map(one => ({
      action: 'remove container' as const,
      container: one.container,
      attempt: one.attempt,
      reason: 'a newer attempt has taken its place',
    })),
  )
}

const planOfRunning = (of: Looked, running: ObservedContainer): ContainerPlanning => {
  const { container, facts, planning } = of
  const memory = memoryOf(of)
  const probe = facts.probes[container.name]
  const isProbed = probe?.attempt === running.attempt
  const postStart = memory.postStart?.attempt === running.attempt ? memory.postStart : undefined
  const stopReason =
    memory.stopping?.attempt === running.attempt
      ? memory.stopping.reason
      : running.specHash !== specHash(of.pod, container)
        ? 'its spec has changed'
        : isProbed && probe.failure !== undefined
          ? probe.failure
          : postStart?.failure
  if (stopReason !== undefined) {
    const graceSeconds = graceOf(of, isProbed && probe.failure === stopReason)
    const stopped = planStop({ container, running, graceSeconds, reason: stopReason, now: of.now, planning })
    return { planning: stopped, isDone: false, isHookPending: false }
  }
  const hasHook = container.lifecycle?.postStart !== undefined
  if (hasHook && postStart === undefined) {
    const step = { action: 'run postStart', container: container.name, attempt: running.attempt } as const
    return {
      planning: withSteps(planning, { ...step, reason: 'the container has started' }),
      isDone: false,
      isHookPending: true,
    }
  }
  const hasStarted = container.startupProbe === undefined || (isProbed && probe.isStarted)
  return { planning, isDone: of.role === 'sidecar' && hasStarted, isHookPending: false }
}

/** k8s: a probe may have a grace period of its own. */
const graceOf = (of: Looked, isOfProbe: boolean): number => {
  const { livenessProbe, startupProbe } = of.container
  const own = livenessProbe?.terminationGracePeriodSeconds ?? startupProbe?.terminationGracePeriodSeconds
  return (isOfProbe ? own : undefined) ?? of.pod.spec?.terminationGracePeriodSeconds ?? 30
}

/** Not running: it is made and started when that is wanted, due and possible. */
const planOfStopped = (of: Looked): Planning => {
  const { container, newest, now, facts } = of
  const memory = memoryOf(of)
  const hash = specHash(of.pod, container)
  const name = container.name
  if (newest?.state === 'created' && newest.error === undefined && newest.specHash === hash) {
    if ((memory.trouble?.retryAtMs ?? 0) > now.ms) return lookAgain(of.planning, memory.trouble?.retryAtMs)
    const reason = 'it was made and does not run'
    return withSteps(of.planning, { action: 'start container', container: name, attempt: newest.attempt, reason })
  }
  const why = whyStart(of, memory, hash)
  if (why === undefined) return of.planning
  if (why.atMs > now.ms) return lookAgain(of.planning, why.atMs)
  const need = imageNeed(container, hash, memory, facts.images(container.image ?? ''), now.ms)
  if (need.action === 'wait') return lookAgain(of.planning, need.untilMs)
  if (need.action === 'pull') return withSteps(of.planning, need.step)
  if ((memory.trouble?.retryAtMs ?? 0) > now.ms) return lookAgain(of.planning, memory.trouble?.retryAtMs)
  const attempt = memory.attempt + 1
  const useless = newest !== undefined && newest.state !== 'exited' ? [newest] : []
  return withSteps(
    of.planning,
    ...useless.map(one => ({
      action: 'remove container' as const,
      container: name,
      attempt: one.attempt,
      reason: one.state === 'lost' ? 'its monitor is gone' : 'it was never started and is not the desired one',
    })),
    { action: 'create container', container: name, attempt, specHash: hash, reason: why.reason },
    { action: 'start container', container: name, attempt, reason: why.reason },
  )
}

/** Why a container that does not run should, and from when on; undefined: it has ended and stays so. */
const whyStart = (
  of: Looked,
  memory: ContainerMemory,
  hash: string,
): { readonly reason: string; readonly atMs: number } | undefined => {
  const { newest, role } = of
  const end = memory.end
  if (newest !== undefined && newest.specHash !== hash && role !== 'init')
    return { reason: 'its spec has changed', atMs: 0 }
  if (end === undefined || end.attempt < memory.attempt || memory.attempt < 0)
    return { reason: 'it is desired and not there', atMs: 0 }
  const { exitCode, reason } = end.terminated
  const policy = of.pod.spec?.restartPolicy ?? 'Always'
  const atMs = (end.seenAtMs ?? of.now.ms) + restartDelayMs(end.level)
  if (role === 'init' && exitCode === 0) return { reason: 'the sandbox is new', atMs: 0 }
  if (role === 'app' && (policy === 'Never' || (policy === 'OnFailure' && exitCode === 0))) return undefined
  if (role === 'init' && policy === 'Never') return undefined
  return { reason: `it ended with exit code ${exitCode} (${reason})`, atMs }
}
