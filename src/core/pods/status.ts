import type { Container, ContainerStatus, Pod, PodCondition, PodStatus } from '../../api/types.ts'
import { containerStatus } from './container-status.ts'
import type { Facts } from './facts.ts'
import { kubeTime } from './kube-time.ts'
import { isSidecar, type Now, newestContainers } from './learn.ts'
import type { PodMemory } from './memory.ts'
import type { Role } from './plan-container.ts'
import { qosClass } from './qos.ts'
import type { ObservedPod } from './runtime.ts'

export interface PodStatusFacts {
  readonly desired: Pod
  readonly observed: ObservedPod | undefined
  /** As the newest plan left it. */
  readonly memory: PodMemory
  readonly facts: Facts
  /** Addresses of the node, the first is status.hostIP. */
  readonly hostIPs: readonly string[]
  readonly now: Now
}

/**
 * The status of a pod, only from what is observed and what was learned from observation. The memory that comes back
 * knows when each condition last changed; the caller keeps it.
 *
 * @example podStatus({ desired, observed, memory, facts, hostIPs: ['192.168.1.7'], now }).status.phase // 'Running'
 */
export const podStatus = (of: PodStatusFacts): { readonly status: PodStatus; readonly memory: PodMemory } => {
  const { desired, observed, memory, facts, hostIPs, now } = of
  const newest = newestContainers(observed)
  const look = (container: Container, role: Role): ContainerStatus =>
    containerStatus({ pod: desired, container, role, newest: newest.get(container.name), memory, facts, now })
  const inits = (desired.spec?.initContainers ?? []).map(one => look(one, isSidecar(one) ? 'sidecar' : 'init'))
  const apps = (desired.spec?.containers ?? []).map(one => look(one, 'app'))
  const phase = phaseOf(memory, apps)
  const transitions = conditionsOf(of, phase, inits, apps)
  const isHostNetwork = desired.spec?.hostNetwork === true
  const podIP = observed?.sandbox === undefined ? undefined : isHostNetwork ? hostIPs[0] : facts.address
  const { outcome } = memory
  const status: PodStatus = {
    phase,
    conditions: transitions.conditions,
    ...(outcome?.reason === undefined ? {} : { reason: outcome.reason }),
    ...(outcome?.message === undefined ? {} : { message: outcome.message }),
    ...(hostIPs[0] === undefined ? {} : { hostIP: hostIPs[0], hostIPs: hostIPs.map(ip => ({ ip })) }),
    ...(podIP === undefined ? {} : { podIP, podIPs: [{ ip: podIP }] }),
    startTime: memory.startedAt,
    qosClass: qosClass(desired),
    ...(desired.metadata.generation === undefined ? {} : { observedGeneration: desired.metadata.generation }),
    ...(inits.length === 0 ? {} : { initContainerStatuses: inits }),
    containerStatuses: apps,
  }
  return { status, memory: { ...memory, transitions: transitions.memory } }
}

/** k8s: getPhase. */
const phaseOf = (memory: PodMemory, apps: readonly ContainerStatus[]): string => {
  if (memory.outcome !== undefined) return memory.outcome.phase
  const ends = apps.map(one => one.state?.terminated)
  if (memory.ending !== undefined && apps.length > 0 && ends.every(end => end !== undefined))
    return ends.every(end => end?.exitCode === 0) ? 'Succeeded' : 'Failed'
  if (!memory.isInitialized && apps.every(one => one.state?.running === undefined)) return 'Pending'
  const isWaiting = apps.some(one => one.state?.waiting !== undefined && one.lastState?.terminated === undefined)
  return isWaiting ? 'Pending' : 'Running'
}

interface Finding {
  readonly type: string
  readonly isTrue: boolean
  readonly reason?: string
  readonly message?: string
}

const conditionsOf = (
  of: PodStatusFacts,
  phase: string,
  inits: readonly ContainerStatus[],
  apps: readonly ContainerStatus[],
): { readonly conditions: readonly PodCondition[]; readonly memory: PodMemory['transitions'] } => {
  const { desired, memory, now } = of
  const before = memory.transitions
  const at = kubeTime(now.wallMs) ?? ''
  const conditions = findings(of, phase, inits, apps).map((one): PodCondition => {
    const status = one.isTrue ? 'True' : 'False'
    const last = before[one.type]
    const first = one.type === 'PodScheduled' ? memory.startedAt : at
    return {
      type: one.type,
      status,
      lastTransitionTime: last?.status === status ? last.at : first,
      ...(one.isTrue || one.reason === undefined ? {} : { reason: one.reason }),
      ...(one.isTrue || one.message === undefined ? {} : { message: one.message }),
      ...(one.isTrue && one.type === 'Initialized' && phase === 'Succeeded' ? { reason: 'PodCompleted' } : {}),
      ...(desired.metadata.generation === undefined ? {} : { observedGeneration: desired.metadata.generation }),
    }
  })
  const entries = conditions.map(one => [one.type, { status: one.status, at: one.lastTransitionTime ?? at }] as const)
  return { conditions, memory: Object.fromEntries(entries) }
}

const findings = (
  of: PodStatusFacts,
  phase: string,
  inits: readonly ContainerStatus[],
  apps: readonly ContainerStatus[],
): readonly Finding[] => {
  const { desired, observed, memory, facts } = of
  const hasNetwork = desired.spec?.hostNetwork === true || facts.address !== undefined
  const restartable = new Set((desired.spec?.initContainers ?? []).filter(isSidecar).map(one => one.name))
  const pending = inits.filter(one => (restartable.has(one.name) ? one.started !== true : !one.ready))
  const isInitialized = memory.isInitialized || pending.length === 0 || phase === 'Succeeded'
  const unready = [...inits.filter(one => restartable.has(one.name)), ...apps].filter(one => !one.ready)
  const hasEnded = phase === 'Succeeded' || phase === 'Failed'
  const notReady: { readonly reason: string; readonly message?: string } = hasEnded
    ? { reason: phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed' }
    : {
        reason: 'ContainersNotReady',
        message: `containers with unready status: [${unready.map(one => one.name).join(' ')}]`,
      }
  const areReady = !hasEnded && unready.length === 0
  const gates = desired.spec?.readinessGates ?? []
  const gateMessage = `readiness gates that nobody has confirmed on this node: ${gates.map(one => one.conditionType).join(', ')}`
  return [
    { type: 'PodScheduled', isTrue: true },
    {
      type: 'PodReadyToStartContainers',
      isTrue: observed?.sandbox !== undefined && hasNetwork,
      ...(memory.trouble === undefined ? {} : { reason: memory.trouble.reason, message: memory.trouble.message }),
    },
    {
      type: 'Initialized',
      isTrue: isInitialized,
      reason: 'ContainersNotInitialized',
      message: `containers with incomplete status: [${pending.map(one => one.name).join(' ')}]`,
    },
    { type: 'ContainersReady', isTrue: areReady, ...notReady },
    areReady && gates.length > 0
      ? { type: 'Ready', isTrue: false, reason: 'ReadinessGatesNotReady', message: gateMessage }
      : { type: 'Ready', isTrue: areReady, ...notReady },
  ]
}
