import { describeError } from '../../api/fault.ts'
import type { Container, Pod } from '../../api/types.ts'
import type { Facts } from '../../core/pods/facts.ts'
import { newestContainers } from '../../core/pods/learn.ts'
import type { PodMemory } from '../../core/pods/memory.ts'
import {
  afterProbe,
  dueProbes,
  firstProbeState,
  type ProbeKind,
  type ProbeResult,
  type ProbeState,
  probeFact,
  probeNumbers,
  probeOf,
} from '../../core/pods/probe.ts'
import type { ContainerRef, ObservedPod } from '../../core/pods/runtime.ts'
import type { Clock } from '../../lib/clock.ts'

/*
 *   watch(pod, observed) ──> one state per running container ──timer──> ask ──> afterProbe ──changed──> wake(uid)
 *                                                                 ^─────────── next due ───────────┘
 */

/** The probes of all pods of this node. No timer runs where nothing is probed. */
export interface Probes {
  /** Follows what runs now: new attempts are probed, ended ones no more. */
  watch(pod: Pod, observed: ObservedPod | undefined, memory: PodMemory | undefined): void
  facts(uid: string): Facts['probes']
  forget(uid: string): void
  close(): void
}

interface Watched {
  readonly pod: Pod
  readonly container: Container
  readonly id: ContainerRef
  state: ProbeState
  readonly asking: Set<ProbeKind>
}

export const podProbes = (of: {
  readonly clock: Clock
  readonly ask: (
    pod: Pod,
    container: Container,
    id: ContainerRef,
    kind: ProbeKind,
    timeoutMs: number,
  ) => Promise<ProbeResult>
  /** What the probes say of a container of this pod has changed. */
  readonly wake: (uid: string) => void
  /** A probe failed: for an event. */
  readonly onFailure: (pod: Pod, container: string, kind: ProbeKind, output: string) => void
}): Probes => {
  const { clock } = of
  /** uid -> container -> what is watched. Bounded by what runs. */
  const pods = new Map<string, Map<string, Watched>>()
  const timers = new Map<string, () => void>()
  let isClosed = false

  const schedule = (uid: string): void => {
    timers.get(uid)?.()
    timers.delete(uid)
    const all = pods.get(uid)
    if (isClosed || all === undefined) return
    const now = clock.monotonic()
    let nextAtMs: number | undefined
    for (const watched of all.values()) {
      const { due, nextAtMs: later } = dueProbes(watched.state, now)
      for (const kind of due) if (!watched.asking.has(kind)) start(uid, watched, kind)
      if (later !== undefined) nextAtMs = Math.min(nextAtMs ?? later, later)
    }
    if (nextAtMs !== undefined)
      timers.set(
        uid,
        clock.after(nextAtMs - now, () => schedule(uid)),
      )
  }

  const start = (uid: string, watched: Watched, kind: ProbeKind): void => {
    const probe = probeOf(watched.container, kind)
    if (probe === undefined) return
    watched.asking.add(kind)
    const { timeoutMs } = probeNumbers(probe)
    of.ask(watched.pod, watched.container, watched.id, kind, timeoutMs).then(
      result => settle(uid, watched, kind, result),
      (error: unknown) => settle(uid, watched, kind, { isOk: false, output: describeError(error) }),
    )
  }

  const settle = (uid: string, watched: Watched, kind: ProbeKind, result: ProbeResult): void => {
    watched.asking.delete(kind)
    if (isClosed || pods.get(uid)?.get(watched.container.name) !== watched) return
    const before = probeFact(watched.state)
    watched.state = afterProbe(watched.state, watched.container, kind, result, clock.monotonic())
    if (!result.isOk) of.onFailure(watched.pod, watched.container.name, kind, result.output)
    const after = probeFact(watched.state)
    const isSame =
      before.isReady === after.isReady && before.isStarted === after.isStarted && before.failure === after.failure
    if (!isSame) of.wake(uid)
    schedule(uid)
  }

  return {
    watch(pod, observed, memory) {
      const uid = pod.metadata.uid ?? ''
      const newest = newestContainers(observed)
      const before = pods.get(uid) ?? new Map<string, Watched>()
      const now = new Map<string, Watched>()
      // k8s: a pod on its way out is no longer probed for liveness; its readiness no longer matters.
      const isEnding = pod.metadata.deletionTimestamp !== undefined
      for (const container of [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])]) {
        const running = newest.get(container.name)
        const isProbed = container.startupProbe ?? container.readinessProbe ?? container.livenessProbe
        if (running?.state !== 'running' || isProbed === undefined || isEnding) continue
        const known = before.get(container.name)
        if (known?.state.attempt === running.attempt) {
          now.set(container.name, known)
          continue
        }
        const startedMs = Date.parse(running.startedAt ?? '')
        const state = firstProbeState(container, {
          attempt: running.attempt,
          nowMs: clock.monotonic(),
          runningForMs: Number.isNaN(startedMs) ? 0 : Math.max(0, clock.now() - startedMs),
          before: memory?.containers[container.name]?.probed,
        })
        const id = { podUid: uid, container: container.name, attempt: running.attempt }
        now.set(container.name, { pod, container, id, state, asking: new Set() })
      }
      const isSame = now.size === before.size && [...now].every(([name, one]) => before.get(name) === one)
      if (isSame) return
      if (now.size === 0) pods.delete(uid)
      else pods.set(uid, now)
      schedule(uid)
    },
    facts(uid) {
      const all = [...(pods.get(uid) ?? [])].map(([name, one]) => [name, probeFact(one.state)] as const)
      return Object.fromEntries(all)
    },
    forget(uid) {
      pods.delete(uid)
      timers.get(uid)?.()
      timers.delete(uid)
    },
    close() {
      isClosed = true
      for (const cancel of timers.values()) cancel()
      timers.clear()
      pods.clear()
    },
  }
}
