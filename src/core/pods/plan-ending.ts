import type { Container, Pod } from '../../api/types.ts'
import type { Facts } from './facts.ts'
import { type Now, newestContainers } from './learn.ts'
import { planStop } from './plan-stop.ts'
import { lookAgain, type Planning, withSteps } from './planning.ts'
import type { ObservedContainer, ObservedPod } from './runtime.ts'
import type { Step } from './step.ts'

/** How long endpoints have to leave the proxies of all nodes before a container hears of its end. */
const endpointWaitMs = 2000

/**
 * Ends a pod: a wait for its endpoints to leave, hooks and signals within the grace period, sidecars last and in
 * reverse order; then containers, network, sandbox and volumes go.
 */
export const planEnd = (of: {
  readonly desired: Pod | undefined
  readonly observed: ObservedPod | undefined
  readonly facts: Facts
  readonly now: Now
  readonly planning: Planning
}): { readonly planning: Planning; readonly isGone: boolean } => {
  const { desired, observed, facts, now } = of
  const memory = of.planning.memory
  const wished = graceOf(desired) ?? memory.graceSeconds
  const before = memory.ending
  // A second delete may shorten the grace period, never lengthen it (k8s: DELETE with gracePeriodSeconds).
  const ending = { sinceMs: before?.sinceMs ?? now.ms, graceSeconds: Math.min(before?.graceSeconds ?? wished, wished) }
  const planning: Planning = { ...of.planning, memory: { ...memory, ending } }
  const waitUntilMs = ending.sinceMs + Math.min(endpointWaitMs, ending.graceSeconds * 500)
  const isAnyRunning = observed?.containers.some(one => one.state === 'running') ?? false
  if (isAnyRunning && now.ms < waitUntilMs) return { planning: lookAgain(planning, waitUntilMs), isGone: false }
  const reason = desired === undefined ? 'the pod is not assigned to this node' : 'the pod is deleted'
  const { graceSeconds, sinceMs } = ending
  const stops = planStops({ desired, observed, facts, now, planning, graceSeconds, sinceMs, reason })
  if (stops.isAnyRunning) return { planning: stops.planning, isGone: false }
  const steps = leftovers(observed, facts, reason)
  return { planning: withSteps(planning, ...steps), isGone: steps.length === 0 }
}

const graceOf = (desired: Pod | undefined): number | undefined =>
  desired === undefined
    ? undefined
    : (desired.metadata.deletionGracePeriodSeconds ?? desired.spec?.terminationGracePeriodSeconds)

/** Steps that stop what runs: all but sidecars at once, then sidecars one by one, the last first. */
export const planStops = (of: {
  readonly desired: Pod | undefined
  readonly observed: ObservedPod | undefined
  readonly facts: Facts
  readonly now: Now
  readonly planning: Planning
  readonly graceSeconds: number
  readonly sinceMs?: number
  readonly reason: string
}): { readonly planning: Planning; readonly isAnyRunning: boolean } => {
  const running = of.observed?.containers.filter(one => one.state === 'running') ?? []
  const sidecars = of.planning.memory.sidecars
  const rank = (one: ObservedContainer): number => sidecars.indexOf(one.container)
  const others = running.filter(one => rank(one) < 0)
  const lastSidecar = running.toSorted((a, b) => rank(b) - rank(a))[0]
  const next = others.length > 0 ? others : lastSidecar === undefined ? [] : [lastSidecar]
  const newest = newestContainers(of.observed)
  let planning = of.planning
  for (const one of next) {
    const { container, attempt } = one
    planning =
      newest.get(container) === one
        ? planStop({ ...of, container: entryOf(of.desired, container), running: one, planning })
        : withSteps(planning, { action: 'remove container', container, attempt, reason: of.reason })
  }
  return { planning, isAnyRunning: running.length > 0 }
}

const entryOf = (desired: Pod | undefined, name: string): Container | undefined =>
  [...(desired?.spec?.initContainers ?? []), ...(desired?.spec?.containers ?? [])].find(one => one.name === name)

const leftovers = (observed: ObservedPod | undefined, facts: Facts, reason: string): readonly Step[] => [
  ...(observed?.containers ?? []).map(
    (one): Step => ({ action: 'remove container', container: one.container, attempt: one.attempt, reason }),
  ),
  ...(facts.address === undefined ? [] : [{ action: 'detach network', reason } as const]),
  ...(observed?.sandbox === undefined ? [] : [{ action: 'remove sandbox', reason } as const]),
  ...(facts.volumes === 'absent' ? [] : [{ action: 'remove volumes', reason } as const]),
]
