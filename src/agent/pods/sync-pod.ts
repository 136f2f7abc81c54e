import { describeError } from '../../api/fault.ts'
import type { Pod } from '../../api/types.ts'
import { afterStep, type StepResult } from '../../core/pods/after-step.ts'
import type { Facts } from '../../core/pods/facts.ts'
import type { Now } from '../../core/pods/learn.ts'
import { type PodMemory, withContainer } from '../../core/pods/memory.ts'
import { type PodPlan, planPod } from '../../core/pods/plan.ts'
import type { ObservedPod } from '../../core/pods/runtime.ts'
import { podStatus } from '../../core/pods/status.ts'
import { longActions, type Step, sentenceOf, stepKey } from '../../core/pods/step.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { LookAgainMs } from '../../lib/work-queue.ts'
import type { PodReport } from '../../wire/payloads.ts'
import type { Events } from '../events.ts'
import type { Desired } from './desired.ts'
import { type Deeds, executeStep, failureOf, volumesOf } from './execute-step.ts'
import { withLogTails } from './log-tail.ts'
import type { PodMemories } from './pod-memories.ts'
import type { Probes } from './probes.ts'
import { tellStep } from './step-events.ts'

/*
 *   observe ──> facts ──> planPod ──> steps, one after another ──> observe … until nothing is left to do now
 *                                       │ long ones run beside, and wake the pod when they end
 *                                       v
 *                              status, from what is observed ──> report
 */

export interface PodSync {
  /** One run for one pod. Nothing is done before there is an assignment. */
  run(uid: string): Promise<LookAgainMs>
  /** Resolves when no long step is under way. For tests and for an orderly end. */
  idle(): Promise<void>
}

export interface PodSyncParts extends Deeds {
  readonly desired: () => Desired | undefined
  readonly memories: PodMemories
  readonly probes: Probes
  readonly events: Events
  readonly onReport: (report: PodReport, pod: Pod | undefined, observed: ObservedPod | undefined) => void
  readonly wake: (uid: string) => void
  readonly clock: Clock
  readonly log: Log
}

/** Rounds of one run: a pod with many init containers that end at once comes back to the queue after these. */
const mostRounds = 12

export const podSync = (parts: PodSyncParts): PodSync => {
  const { runtime, network, volumes, images, memories, probes, events, clock, log } = parts
  /** uid -> long steps under way. */
  const ongoing = new Map<string, Map<string, { readonly killsAtMs: number; readonly deed: Promise<void> }>>()

  const now = (): Now => ({ wallMs: clock.now(), ms: clock.monotonic() })

  const gather = async (uid: string, desired: Desired, pod: Pod | undefined): Promise<Facts> => {
    const entries = [...(pod?.spec?.initContainers ?? []), ...(pod?.spec?.containers ?? [])]
    if (pod?.metadata.deletionTimestamp === undefined) await images.look(entries.map(one => one.image ?? ''))
    const plan = pod === undefined ? { volumes: [] } : volumesOf(parts, desired, pod)
    return {
      images: reference => images.fact(reference),
      address: network.attached().get(uid)?.ip,
      volumes: await volumes.look(uid, plan),
      probes: probes.facts(uid),
      ongoing: new Map([...(ongoing.get(uid) ?? [])].map(([key, one]) => [key, one.killsAtMs])),
    }
  }

  /** Memory is read and written without a pause between, because long steps write it too. */
  const learn = (uid: string, change: (memory: PodMemory) => PodMemory): void => {
    const memory = memories.get(uid)
    if (memory !== undefined) memories.set(change(memory))
  }

  const conclude = (uid: string, pod: Pod | undefined, step: Step, result: StepResult): void => {
    const writtenFor = pod?.spec?.hostNetwork === true ? 'host' : network.attached().get(uid)?.ip
    learn(uid, memory => afterStep(memory, step, result, { nowMs: clock.monotonic(), writtenFor }))
    if (pod !== undefined) tellStep(events, pod, step, result)
  }

  /** Runs beside the loop; whatever comes of it is remembered, and the pod is looked at again. */
  const begin = (
    uid: string,
    pod: Pod | undefined,
    desired: Desired,
    observed: ObservedPod | undefined,
    step: Step,
  ): void => {
    const running = ongoing.get(uid) ?? new Map()
    ongoing.set(uid, running)
    const graceMs = step.action === 'stop container' ? step.graceSeconds * 1000 : 0
    if (pod !== undefined) tellStep(events, pod, step, 'begins')
    const deed: Promise<void> = executeStep(parts, { uid, pod, desired, observed }, step)
      .then(
        () => conclude(uid, pod, step, { isOk: true }),
        (error: unknown) => {
          log.warn('a step failed', { uid, step: sentenceOf(step), why: describeError(error) })
          conclude(uid, pod, step, failureOf(step, error, describeError(error)))
        },
      )
      .finally(() => {
        if (running.get(stepKey(step))?.deed === deed) running.delete(stepKey(step))
        if (running.size === 0) ongoing.delete(uid)
        parts.wake(uid)
      })
    running.set(stepKey(step), { killsAtMs: clock.monotonic() + graceMs, deed })
  }

  /** Does the steps in order. Gives what is observed after them, and the error of the first that failed. */
  const perform = async (
    uid: string,
    pod: Pod | undefined,
    desired: Desired,
    before: ObservedPod | undefined,
    steps: readonly Step[],
  ): Promise<{ readonly observed: ObservedPod | undefined; readonly error?: unknown }> => {
    let observed = before
    let mustLook = false
    let failure: { readonly error: unknown } | undefined
    for (const step of steps) {
      log.info(sentenceOf(step), { uid, pod: nameOf(pod) })
      if (longActions.has(step.action)) {
        begin(uid, pod, desired, observed, step)
        continue
      }
      try {
        const { sandbox } = await executeStep(parts, { uid, pod, desired, observed }, step)
        conclude(uid, pod, step, { isOk: true })
        if (sandbox !== undefined) observed = { ...(observed ?? emptyPod(uid, pod)), sandbox }
        else if (step.action.endsWith('container') || step.action === 'remove sandbox') mustLook = true
      } catch (error) {
        log.warn('a step failed', { uid, pod: nameOf(pod), step: sentenceOf(step), why: describeError(error) })
        conclude(uid, pod, step, failureOf(step, error, describeError(error)))
        failure = { error }
        break
      }
    }
    if (mustLook || failure !== undefined) observed = await runtime.observePod(uid)
    return { observed, ...failure }
  }

  const report = (uid: string, pod: Pod, observed: ObservedPod | undefined, facts: Facts): void => {
    const memory = memories.get(uid)
    if (memory === undefined) return
    const hostIPs = parts.node().addresses
    const made = podStatus({ desired: pod, observed, memory: withProbes(memory, facts), facts, hostIPs, now: now() })
    memories.set(made.memory)
    const { namespace = '', name = '' } = pod.metadata
    parts.onReport({ uid, namespace, name, status: made.status }, pod, observed)
  }

  const finish = (uid: string, pod: Pod | undefined, memory: PodMemory): void => {
    probes.forget(uid)
    memories.delete(uid)
    const { namespace, name } = memory
    parts.onReport({ uid, namespace, name, gone: true }, pod, undefined)
  }

  return {
    async run(uid) {
      const desired = parts.desired()
      if (desired === undefined) return undefined
      const pod = desired.pods.get(uid)
      let observed = await withLogTails(runtime, pod, await runtime.observePod(uid), memories.get(uid))
      let plan: PodPlan | undefined
      let facts: Facts | undefined
      let failure: { readonly error: unknown } | undefined
      for (let rounds = 0; rounds < mostRounds && failure === undefined; rounds += 1) {
        if (pod !== undefined) probes.watch(pod, observed, memories.get(uid))
        facts = await gather(uid, desired, pod)
        plan = planPod({ desired: pod, observed, memory: memories.get(uid), facts, now: now() })
        memories.set({ ...plan.memory, uid })
        if (plan.steps.length === 0) break
        const done = await perform(uid, pod, desired, observed, plan.steps)
        observed = await withLogTails(runtime, pod, done.observed, memories.get(uid))
        if ('error' in done) failure = { error: done.error }
      }
      if (plan === undefined || facts === undefined) return undefined
      if (plan.isGone) {
        finish(uid, pod, plan.memory)
        return undefined
      }
      if (failure !== undefined) {
        // What the failure taught decides when to look again; where it taught nothing, the queue backs off.
        facts = await gather(uid, desired, pod)
        const next = planPod({ desired: pod, observed, memory: memories.get(uid), facts, now: now() })
        memories.set({ ...next.memory, uid })
        if (pod !== undefined) report(uid, pod, observed, facts)
        if (next.steps.length > 0) throw failure.error
        return next.lookAgainAtMs === undefined ? undefined : Math.max(1, next.lookAgainAtMs - clock.monotonic())
      }
      if (pod !== undefined) report(uid, pod, observed, facts)
      if (plan.steps.length > 0) return 1
      return plan.lookAgainAtMs === undefined ? undefined : Math.max(1, plan.lookAgainAtMs - clock.monotonic())
    },
    async idle() {
      for (;;) {
        const deeds = [...ongoing.values()].flatMap(all => [...all.values()].map(one => one.deed))
        if (deeds.length === 0) return
        await Promise.all(deeds)
      }
    },
  }
}

const emptyPod = (uid: string, pod: Pod | undefined): ObservedPod => ({
  uid,
  namespace: pod?.metadata.namespace ?? '',
  name: pod?.metadata.name ?? '',
  containers: [],
})

const nameOf = (pod: Pod | undefined): string | undefined =>
  pod === undefined ? undefined : `${pod.metadata.namespace}/${pod.metadata.name}`

/** What the probes say now, for the next life of the agent. */
const withProbes = (memory: PodMemory, facts: Facts): PodMemory => {
  let next = memory
  for (const [name, probe] of Object.entries(facts.probes)) {
    if (probe === undefined) continue
    const { attempt, isStarted, isReady } = probe
    next = withContainer(next, name, { probed: { attempt, isStarted, isReady } })
  }
  return next
}
