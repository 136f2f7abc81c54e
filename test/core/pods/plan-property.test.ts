import t from 'tap'
import type { Container, Pod } from '../../../src/api/types.ts'
import type { ObservedContainer, ObservedPod } from '../../../src/core/pods/runtime.ts'
import { specHash } from '../../../src/core/pods/spec-hash.ts'
import { aContainer, anObservedContainer, anObservedPod, aPod } from '../../fakes/builders.ts'
import fc from '../../support/fast-check.ts'
import { type PodWorld, plan, podWorld, restartAgent, settleInTime } from './pod-world.ts'

/*
 * The property above all: from any observed world, doing the planned steps reaches an empty plan, and in it exactly
 * what is desired runs. Any world: containers of any state, attempt and hash, with and without a sandbox.
 */

const hook = { exec: { command: ['true'] } }

const container = (name: string): fc.Arbitrary<Container> =>
  fc
    .record({ postStart: fc.boolean(), preStop: fc.boolean(), image: fc.constantFrom('a:1', 'b:1') })
    .map(({ postStart, preStop, image }) =>
      aContainer({
        name,
        image,
        ...(postStart || preStop
          ? { lifecycle: { ...(postStart ? { postStart: hook } : {}), ...(preStop ? { preStop: hook } : {}) } }
          : {}),
      }),
    )

const init = (name: string): fc.Arbitrary<Container> =>
  fc.record({ entry: container(name), sidecar: fc.boolean() }).map(({ entry, sidecar }) => ({
    ...entry,
    ...(sidecar ? { restartPolicy: 'Always' } : {}),
  }))

const desired: fc.Arbitrary<Pod> = fc
  .record({
    inits: fc.tuple(init('i0'), init('i1')).chain(all => fc.subarray(all)),
    apps: fc.tuple(container('a0'), container('a1')).chain(all => fc.subarray(all, { minLength: 1 })),
    restartPolicy: fc.constantFrom('Always', 'OnFailure', 'Never'),
    hostNetwork: fc.boolean(),
    isDeleted: fc.boolean(),
  })
  .map(({ inits, apps, isDeleted, ...rest }) =>
    aPod(
      { ...rest, ...(inits.length === 0 ? {} : { initContainers: inits }), containers: apps },
      isDeleted ? { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 30 } : {},
    ),
  )

const observed = (pod: Pod): fc.Arbitrary<ObservedPod | undefined> => {
  const entries = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])]
  const one = fc
    .record({
      entry: fc.constantFrom(...entries, aContainer({ name: 'foreign' })),
      attempt: fc.integer({ min: 0, max: 3 }),
      state: fc.constantFrom('created', 'running', 'exited', 'lost'),
      isCurrent: fc.boolean(),
      exitCode: fc.constantFrom(0, 1),
    })
    .map(({ entry, attempt, state, isCurrent, exitCode }) =>
      anObservedContainer({
        container: entry.name,
        attempt,
        state: state as ObservedContainer['state'],
        specHash: isCurrent ? specHash(pod, entry) : 'v1:old',
        ...(state === 'exited' ? { exitCode, finishedAt: '2026-01-01T00:00:02Z' } : {}),
      }),
    )
  const all = fc.uniqueArray(one, { maxLength: 6, selector: of => `${of.container} ${of.attempt}` })
  return fc
    .record({ containers: all, hasSandbox: fc.boolean() })
    .map(({ containers, hasSandbox }) =>
      containers.length === 0 && !hasSandbox
        ? undefined
        : anObservedPod({ containers, ...(hasSandbox ? {} : { sandbox: undefined }) }),
    )
}

const anyWorld: fc.Arbitrary<PodWorld> = desired.chain(pod =>
  fc
    .record({
      observed: observed(pod),
      isAssigned: fc.boolean(),
      isAttached: fc.boolean(),
      volumes: fc.constantFrom('absent', 'stale', 'ready'),
    })
    .map(of =>
      podWorld(of.isAssigned || of.observed === undefined ? pod : undefined, {
        observed: of.observed,
        address: of.isAttached && of.observed?.sandbox !== undefined ? '10.64.0.2' : undefined,
        volumes: of.volumes as PodWorld['volumes'],
        images: { 'a:1': { isPresent: false } },
        endsWith: Object.fromEntries(
          (pod.spec?.initContainers ?? []).filter(one => one.restartPolicy !== 'Always').map(one => [one.name, 0]),
        ),
      }),
    ),
)

const isDeleted = (world: PodWorld): boolean =>
  world.desired === undefined || world.desired.metadata.deletionTimestamp !== undefined

t.test('from any observed world the planned steps reach an empty plan', async () => {
  fc.assert(
    fc.property(anyWorld, world => {
      const before = structuredClone({ observed: world.observed, desired: world.desired })
      settleInTime(world)
      const running = world.observed?.containers.filter(one => one.state === 'running') ?? []
      if (isDeleted(world)) {
        if (world.observed !== undefined || !plan(world).isGone) throw new Error('something of a deleted pod is left')
        return
      }
      if (world.memory?.outcome !== undefined) {
        if (running.length > 0) throw new Error('something of an ended pod runs')
        return
      }
      const pod = world.desired
      for (const entry of pod?.spec?.containers ?? []) {
        const mine = running.filter(one => one.container === entry.name)
        const hasEnded = world.memory?.containers[entry.name]?.end?.terminated.exitCode === 0
        const mayRest = pod?.spec?.restartPolicy === 'Never' || (pod?.spec?.restartPolicy === 'OnFailure' && hasEnded)
        if (mine.length > 1) throw new Error(`${entry.name} runs twice`)
        if (mine.length === 0 && !mayRest) throw new Error(`${entry.name} does not run`)
        if (pod !== undefined && mine[0] !== undefined && mine[0].specHash !== specHash(pod, entry))
          throw new Error(`${entry.name} runs with an old spec`)
      }
      // Nothing that ran as desired, in its sandbox, was touched.
      if (before.observed?.sandbox === undefined) return
      const newest = new Map(
        before.observed.containers.toSorted((a, b) => a.attempt - b.attempt).map(one => [one.container, one]),
      )
      for (const entry of pod?.spec?.containers ?? []) {
        const was = newest.get(entry.name)
        if (pod === undefined || was?.state !== 'running' || was.specHash !== specHash(pod, entry)) continue
        if (!running.some(one => one.container === was.container && one.attempt === was.attempt))
          throw new Error(`${entry.name} was as desired and did not stay`)
      }
    }),
    { numRuns: 500 },
  )
})

t.test('an agent that is killed after any number of steps and started again changes nothing of the end', async () => {
  fc.assert(
    fc.property(anyWorld, fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 }), (world, kills) => {
      for (const rounds of kills) {
        for (let done = 0; done < rounds; done += 1) world.memory = plan(world).memory
        restartAgent(world)
      }
      settleInTime(world)
      if (plan(world).steps.length > 0) throw new Error('there is still something to do')
    }),
    { numRuns: 200 },
  )
})
