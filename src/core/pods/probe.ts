import type { Container, Probe } from '../../api/types.ts'
import type { ProbeFact } from './facts.ts'

export type ProbeKind = 'startup' | 'readiness' | 'liveness'

/** What is known of the probes of one attempt of a container. Times are monotonic ms. */
export interface ProbeState {
  readonly attempt: number
  readonly tracks: { readonly [kind in ProbeKind]?: ProbeTrack }
  readonly isStarted: boolean
  readonly isReady: boolean
  readonly failure?: string
}

export interface ProbeTrack {
  readonly successes: number
  readonly failures: number
  readonly nextAtMs: number
}

export interface ProbeResult {
  readonly isOk: boolean
  /** What was seen, for people: `HTTP probe failed with statuscode: 500`. */
  readonly output: string
}

const kinds: readonly ProbeKind[] = ['startup', 'readiness', 'liveness']

export const probeOf = (container: Container, kind: ProbeKind): Probe | undefined =>
  ({ startup: container.startupProbe, readiness: container.readinessProbe, liveness: container.livenessProbe })[kind]

/** k8s defaults: period 10 s, timeout 1 s, three failures, one success. */
export const probeNumbers = (
  probe: Probe,
): {
  readonly periodMs: number
  readonly timeoutMs: number
  readonly delayMs: number
  readonly failures: number
  readonly successes: number
} => ({
  periodMs: Math.max(1, probe.periodSeconds ?? 10) * 1000,
  timeoutMs: Math.max(1, probe.timeoutSeconds ?? 1) * 1000,
  delayMs: Math.max(0, probe.initialDelaySeconds ?? 0) * 1000,
  failures: Math.max(1, probe.failureThreshold ?? 3),
  successes: Math.max(1, probe.successThreshold ?? 1),
})

/**
 * The state when a container is first seen running. `runningForMs`: how long it already ran, so that a new agent does
 * not wait the initial delay again; `before`: what the agent before knew of this very attempt.
 */
export const firstProbeState = (
  container: Container,
  of: {
    readonly attempt: number
    readonly nowMs: number
    readonly runningForMs: number
    readonly before?: { readonly attempt: number; readonly isStarted: boolean; readonly isReady: boolean }
  },
): ProbeState => {
  const before = of.before?.attempt === of.attempt ? of.before : undefined
  const tracks = kinds.flatMap(kind => {
    const probe = probeOf(container, kind)
    if (probe === undefined) return []
    const waitMs = Math.max(0, probeNumbers(probe).delayMs - of.runningForMs)
    return [[kind, { successes: 0, failures: 0, nextAtMs: of.nowMs + waitMs }] as const]
  })
  const isStarted = container.startupProbe === undefined || before?.isStarted === true
  return {
    attempt: of.attempt,
    tracks: Object.fromEntries(tracks),
    isStarted,
    isReady: isStarted && (container.readinessProbe === undefined || before?.isReady === true),
  }
}

/** The probes that are due, and when the next will be. Nothing but the startup probe runs before that has succeeded. */
export const dueProbes = (
  state: ProbeState,
  nowMs: number,
): { readonly due: readonly ProbeKind[]; readonly nextAtMs: number | undefined } => {
  if (state.failure !== undefined) return { due: [], nextAtMs: undefined }
  const open = kinds.filter(kind => state.tracks[kind] !== undefined && (kind === 'startup') === !state.isStarted)
  const due = open.filter(kind => (state.tracks[kind]?.nextAtMs ?? 0) <= nowMs)
  const later = open.filter(kind => !due.includes(kind)).map(kind => state.tracks[kind]?.nextAtMs ?? 0)
  return { due, nextAtMs: later.length === 0 ? undefined : Math.min(...later) }
}

/** The state after one result (k8s: prober worker). */
export const afterProbe = (
  state: ProbeState,
  container: Container,
  kind: ProbeKind,
  result: ProbeResult,
  nowMs: number,
): ProbeState => {
  const probe = probeOf(container, kind)
  const track = state.tracks[kind]
  if (probe === undefined || track === undefined) return state
  const numbers = probeNumbers(probe)
  const counted: ProbeTrack = {
    successes: result.isOk ? track.successes + 1 : 0,
    failures: result.isOk ? 0 : track.failures + 1,
    nextAtMs: nowMs + numbers.periodMs,
  }
  const next = { ...state, tracks: { ...state.tracks, [kind]: counted } }
  const hasFailed = counted.failures >= numbers.failures
  const hasSucceeded = counted.successes >= numbers.successes
  if (kind === 'readiness') return { ...next, isReady: hasSucceeded ? true : hasFailed ? false : state.isReady }
  if (hasFailed) return { ...next, isReady: false, failure: failureText(container, kind, result) }
  if (kind === 'startup' && hasSucceeded)
    return { ...next, isStarted: true, isReady: container.readinessProbe === undefined }
  return next
}

const failureText = (container: Container, kind: 'startup' | 'liveness', result: ProbeResult): string =>
  `Container ${container.name} failed ${kind} probe, will be restarted: ${result.output}`

export const probeFact = (state: ProbeState): ProbeFact => ({
  attempt: state.attempt,
  isStarted: state.isStarted,
  isReady: state.isReady,
  ...(state.failure === undefined ? {} : { failure: state.failure }),
})
