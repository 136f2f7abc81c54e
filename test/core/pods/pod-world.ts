import type { Pod } from '../../../src/api/types.ts'
import type { Facts, ImageFact, ProbeFact } from '../../../src/core/pods/facts.ts'
import type { Now } from '../../../src/core/pods/learn.ts'
import { type PodMemory, withContainer, withoutTimes } from '../../../src/core/pods/memory.ts'
import { type PodPlan, planPod } from '../../../src/core/pods/plan.ts'
import type { ObservedContainer, ObservedPod } from '../../../src/core/pods/runtime.ts'
import { type Step, sentenceOf, stepKey } from '../../../src/core/pods/step.ts'

/**
 * One pod on a simulated node, without time, IO or promises: rounds of observe, plan, do.
 * Every step succeeds at once, unless the test put it under way with `slow`.
 */
export interface PodWorld {
  desired: Pod | undefined
  observed: ObservedPod | undefined
  memory: PodMemory | undefined
  images: { [reference: string]: ImageFact }
  volumes: Facts['volumes']
  address: string | undefined
  probes: { [container: string]: ProbeFact }
  ongoing: Map<string, number>
  ms: number
  /** Containers that end with this code as soon as they start. */
  endsWith: { [container: string]: number }
  /** Steps by their key that stay under way until the test ends them. */
  slow: Set<string>
}

export const podWorld = (desired: Pod | undefined, change: Partial<PodWorld> = {}): PodWorld => ({
  desired,
  observed: undefined,
  memory: undefined,
  images: {},
  volumes: 'absent',
  address: undefined,
  probes: {},
  ongoing: new Map(),
  ms: 1000,
  endsWith: {},
  slow: new Set(),
  ...change,
})

const timeOf = (world: PodWorld): string => new Date(1_767_225_600_000 + world.ms).toISOString()

export const plan = (world: PodWorld): PodPlan =>
  planPod({
    desired: world.desired,
    observed: world.observed,
    memory: world.memory,
    facts: factsOf(world),
    now: nowOf(world),
  })

export const nowOf = (world: PodWorld): Now => ({ wallMs: 1_767_225_600_000 + world.ms, ms: world.ms })

export const factsOf = (world: PodWorld): Facts => ({
  images: reference => world.images[reference] ?? { isPresent: true },
  address: world.address,
  volumes: world.volumes,
  probes: world.probes,
  ongoing: world.ongoing,
})

/** One round: plans, does the steps, and gives them as sentences. */
export const round = (world: PodWorld): readonly string[] => {
  const { steps, memory } = plan(world)
  world.memory = memory
  for (const step of steps) {
    if (world.slow.has(stepKey(step)))
      world.ongoing.set(stepKey(step), world.ms + ('graceSeconds' in step ? step.graceSeconds * 1000 : 0))
    else perform(world, step)
  }
  return steps.map(sentenceOf)
}

/** Rounds until nothing is left to do now; the steps of all, without their reasons. */
export const settle = (world: PodWorld, mostRounds = 20): readonly string[] => {
  const done: string[] = []
  for (let rounds = 0; rounds < mostRounds; rounds += 1) {
    const steps = round(world)
    if (steps.length === 0) return done
    done.push(...steps.map(sentence => sentence.replace(/: .*/, '')))
  }
  throw new Error(`the plan does not come to rest: ${done.slice(-10).join('; ')}`)
}

/** As `settle`, and moves the clock whenever only time or the end of a container is waited for, until nothing is. */
export const settleInTime = (world: PodWorld): readonly string[] => {
  const done: string[] = []
  for (let waits = 0; waits < 30; waits += 1) {
    done.push(...settle(world))
    const ending = world.observed?.containers.find(one => one.state === 'running' && one.container in world.endsWith)
    if (ending !== undefined) exit(world, ending.container, world.endsWith[ending.container] ?? 0)
    const { lookAgainAtMs } = plan(world)
    if (lookAgainAtMs === undefined && ending === undefined) return done
    if (lookAgainAtMs === undefined) continue
    world.ms = Math.max(world.ms, lookAgainAtMs)
  }
  throw new Error(`time alone does not bring it to rest: ${done.slice(-10).join('; ')}`)
}

const change = (world: PodWorld, name: string, attempt: number, to: Partial<ObservedContainer> | undefined): void => {
  if (world.observed === undefined) return
  const containers = world.observed.containers.flatMap(one =>
    one.container !== name || one.attempt !== attempt ? [one] : to === undefined ? [] : [{ ...one, ...to }],
  )
  const isEmpty = containers.length === 0 && world.observed.sandbox === undefined
  world.observed = isEmpty ? undefined : { ...world.observed, containers }
}

/** The container ends by itself. */
export const exit = (world: PodWorld, name: string, exitCode: number, more: Partial<ObservedContainer> = {}): void => {
  const running = world.observed?.containers.find(one => one.container === name && one.state === 'running')
  if (running === undefined) throw new Error(`container ${name} does not run`)
  change(world, name, running.attempt, { state: 'exited', exitCode, finishedAt: timeOf(world), ...more })
}

const perform = (world: PodWorld, step: Step): void => {
  const uid = world.memory?.uid ?? 'uid-1'
  const pod = (): ObservedPod => world.observed ?? { uid, namespace: 'default', name: 'hello', containers: [] }
  switch (step.action) {
    case 'pull image':
      world.images[step.image] = { isPresent: true }
      if (world.memory) world.memory = withContainer(world.memory, step.container, { pulledHash: step.specHash })
      return
    case 'prepare volumes':
      world.volumes = 'ready'
      return
    case 'make sandbox':
      world.observed = { ...pod(), sandbox: { uid, netnsPath: `/run/${uid}` } }
      return
    case 'attach network':
      world.address = '10.64.0.2'
      return
    case 'write files':
      if (world.memory)
        world.memory = { ...world.memory, writtenFor: world.desired?.spec?.hostNetwork ? 'host' : world.address }
      return
    case 'create container': {
      const { container, attempt, specHash } = step
      const made: ObservedContainer = {
        podUid: uid,
        container,
        attempt,
        specHash,
        engineId: `${container}-${attempt}`,
        image: 'i',
        imageId: 'sha256:1',
        state: 'created',
        createdAt: timeOf(world),
        oomKilled: false,
      }
      world.observed = { ...pod(), containers: [...pod().containers, made] }
      return
    }
    case 'start container': {
      change(world, step.container, step.attempt, { state: 'running', startedAt: timeOf(world) })
      const code = world.endsWith[step.container]
      if (code !== undefined) exit(world, step.container, code)
      return
    }
    case 'run postStart':
      if (world.memory)
        world.memory = withContainer(world.memory, step.container, { postStart: { attempt: step.attempt } })
      return
    case 'run preStop': {
      const stopping = world.memory?.containers[step.container]?.stopping
      if (world.memory && stopping)
        world.memory = withContainer(world.memory, step.container, { stopping: { ...stopping, isHookDone: true } })
      return
    }
    case 'stop container':
      change(world, step.container, step.attempt, {
        state: 'exited',
        exitCode: 143,
        signal: 15,
        finishedAt: timeOf(world),
      })
      return
    case 'remove container':
      change(world, step.container, step.attempt, undefined)
      return
    case 'detach network':
      world.address = undefined
      return
    case 'remove sandbox':
      world.observed = pod().containers.length === 0 ? undefined : { ...pod(), sandbox: undefined }
      return
    case 'remove volumes':
      world.volumes = 'absent'
      return
  }
}

/** Power loss: what ran is `created` (or gone, with a store in memory), sandbox and address are gone, time begins anew. */
export const losePower = (world: PodWorld, store: 'disk' | 'memory'): void => {
  const left = (store === 'memory' ? [] : (world.observed?.containers ?? [])).map(one =>
    one.state === 'running' ? { ...one, state: 'created' as const, startedAt: undefined, pid: undefined } : one,
  )
  world.observed =
    left.length === 0 || world.observed === undefined
      ? undefined
      : { ...world.observed, sandbox: undefined, containers: left }
  world.address = undefined
  restartAgent(world)
}

/** The agent is killed and started again: monotonic time and all that is under way are lost. */
export const restartAgent = (world: PodWorld): void => {
  if (world.memory !== undefined) world.memory = withoutTimes(world.memory)
  world.ongoing.clear()
  world.ms = 0
}
