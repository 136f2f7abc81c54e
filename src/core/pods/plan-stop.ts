import type { Container } from '../../api/types.ts'
import type { Now } from './learn.ts'
import { withContainer } from './memory.ts'
import { type Planning, withSteps } from './planning.ts'
import type { ObservedContainer } from './runtime.ts'

/**
 * Adds the next step that stops a running container: its preStop hook, then the signal. The hook's time is part of the
 * grace period; after a hook that used it up two seconds are left (k8s: minimumGracePeriodInSeconds).
 */
export const planStop = (of: {
  readonly container: Container | undefined
  readonly running: ObservedContainer
  readonly graceSeconds: number
  /** When the grace period began, where that was before this stop. */
  readonly sinceMs?: number
  readonly reason: string
  readonly now: Now
  readonly planning: Planning
}): Planning => {
  const { container, running, graceSeconds, reason, now, planning } = of
  const name = running.container
  const before = planning.memory.containers[name]?.stopping
  const stopping =
    before?.attempt === running.attempt
      ? before
      : { attempt: running.attempt, sinceMs: of.sinceMs ?? now.ms, reason, isHookDone: false }
  const next: Planning = { ...planning, memory: withContainer(planning.memory, name, { stopping }) }
  const target = { container: name, attempt: running.attempt, reason: stopping.reason }
  const usedSeconds = Math.max(0, (now.ms - stopping.sinceMs) / 1000)
  const leftSeconds = Math.max(0, graceSeconds - usedSeconds)
  if (container?.lifecycle?.preStop !== undefined && !stopping.isHookDone && leftSeconds > 0)
    return withSteps(next, { action: 'run preStop', ...target, timeoutSeconds: Math.ceil(leftSeconds) })
  const floorSeconds = Math.min(graceSeconds, 2)
  return withSteps(next, {
    action: 'stop container',
    ...target,
    graceSeconds: Math.max(floorSeconds, Math.round(leftSeconds)),
  })
}
