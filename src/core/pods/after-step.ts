import { backoffMs } from '../../lib/backoff.ts'
import { type PodMemory, type Trouble, withContainer } from './memory.ts'
import type { Step, StepAction } from './step.ts'

export type StepResult =
  | { readonly isOk: true }
  /** `reason` where the executor knows one, e.g. CreateContainerConfigError. */
  | { readonly isOk: false; readonly message: string; readonly reason?: string }

/** k8s' words for what failed. */
const troubleReasons: { readonly [action in StepAction]?: string } = {
  'prepare volumes': 'FailedMount',
  'make sandbox': 'FailedCreatePodSandBox',
  'attach network': 'FailedCreatePodSandBox',
  'write files': 'FailedCreatePodSandBox',
  'create container': 'CreateContainerError',
  'start container': 'RunContainerError',
}

/**
 * What is learned from how a step went. A step that failed is tried again after 1 s, doubling to a minute; a change of
 * what is desired tries at once.
 */
export const afterStep = (
  memory: PodMemory,
  step: Step,
  result: StepResult,
  of: { readonly nowMs: number; readonly writtenFor: string | undefined },
): PodMemory => {
  const name = 'container' in step ? step.container : undefined
  if (step.action === 'run preStop') {
    const stopping = memory.containers[step.container]?.stopping
    // k8s: a hook that failed does not hold up the end.
    return stopping?.attempt === step.attempt
      ? withContainer(memory, step.container, { stopping: { ...stopping, isHookDone: true } })
      : memory
  }
  if (step.action === 'run postStart') {
    const failure = result.isOk ? {} : { failure: `PostStartHook failed: ${result.message}` }
    return withContainer(memory, step.container, { postStart: { attempt: step.attempt, ...failure } })
  }
  const reason = troubleReasons[step.action]
  if (!result.isOk) {
    if (reason === undefined) return memory
    const before = name === undefined ? memory.trouble : memory.containers[name]?.trouble
    const trouble = troubleAfter(before, result.reason ?? reason, result.message, of.nowMs)
    return name === undefined ? { ...memory, trouble } : withContainer(memory, name, { trouble })
  }
  if (step.action === 'pull image') return withContainer(memory, step.container, { pulledHash: step.specHash })
  if (step.action === 'start container') return withContainer(memory, step.container, { trouble: undefined })
  if (step.action === 'write files') return { ...memory, writtenFor: of.writtenFor, trouble: undefined }
  if (step.action === 'prepare volumes') return { ...memory, trouble: undefined }
  return memory
}

const troubleAfter = (before: Trouble | undefined, reason: string, message: string, nowMs: number): Trouble => {
  const tries = before?.reason === reason ? before.tries + 1 : 1
  const retryAtMs = nowMs + backoffMs({ attempt: tries - 1, first: 1000, most: 60_000 })
  return { reason, message, tries, retryAtMs }
}
