import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { nodeAgent } from '../../src/agent/node-agent.ts'
import type { Assignment } from '../../src/core/nodes/assignment.ts'
import type { PodRuntime } from '../../src/core/pods/runtime.ts'
import type { PodNetwork } from '../../src/core/services/pod-network.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import { aContainer, anAssignment, aPod } from '../fakes/builders.ts'
import { manualClock } from '../fakes/clock.ts'
import { fakeHubLink } from '../fakes/hub-link.ts'
import { fakePodNetwork } from '../fakes/pod-network.ts'
import { fakeRuntime } from '../fakes/runtime.ts'
import { aMachine } from './an-agent.ts'

/*
 * kill -9 at every call that changes something, just before it and just after: a dead agent's calls never come back
 * and its timers never fire. Then another agent starts on what is left.
 */

const changing = new Set([
  'makeSandbox',
  'writeSandboxFiles',
  'createContainer',
  'startContainer',
  'stopContainer',
  'removeContainer',
  'removeSandbox',
  'attach',
  'detach',
])

/** What answers at once and changes nothing. */
const reading = new Set(['attached', 'troubles'])

interface Life {
  isOver: boolean
  calls: number
  /** Resolves with its end. */
  readonly over: Promise<void>
  end(): void
}

const newLife = (): Life => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const life: Life = {
    isOver: false,
    calls: 0,
    over: promise,
    end() {
      life.isOver = true
      resolve()
    },
  }
  return life
}

const never = new Promise<never>(() => {})

/** The port as one life of the agent sees it. */
const lived = <T extends object>(
  port: T,
  life: Life,
  kill: { readonly at: number; readonly when: 'before' | 'after' },
): T =>
  new Proxy(port, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return (...args: readonly unknown[]): unknown => {
        if (life.isOver) return reading.has(String(name)) ? Reflect.apply(member, target, args) : never
        if (!changing.has(String(name))) return Reflect.apply(member, target, args)
        life.calls += 1
        if (life.calls !== kill.at) return Reflect.apply(member, target, args)
        life.end()
        if (kill.when === 'after') void Promise.resolve(Reflect.apply(member, target, args)).catch(() => undefined)
        return never
      }
    },
  })

const mortalClock = (clock: Clock, life: Life): Clock => ({
  now: () => clock.now(),
  monotonic: () => clock.monotonic(),
  after: (ms, act) => clock.after(ms, () => (life.isOver ? undefined : act())),
})

const world = async (t: { teardown(act: () => Promise<void>): void }) => {
  const root = await mkdtemp(join(tmpdir(), 'dunlin-kill-'))
  const clock = manualClock()
  const runtime = fakeRuntime({ images: ['localhost/dunlin/hello:1'], clock })
  const network = fakePodNetwork()
  let last: Life = newLife()
  t.teardown(async () => {
    last.end()
    await runtime.close()
    // A write of the dead may still be under way.
    await rm(root, { recursive: true, force: true, maxRetries: 5 })
  })
  /** A life of the agent with this assignment, that ends at a call of its own. */
  const live = async (assignment: Assignment, kill: { readonly at: number; readonly when: 'before' | 'after' }) => {
    last.end()
    const life = newLife()
    last = life
    const link = fakeHubLink({ assignment })
    const agent = await nodeAgent({
      link,
      runtime: lived<PodRuntime>(runtime, life, kill),
      network: lived<PodNetwork>(network, life, kill),
      nodeName: 'node-1',
      stateFolder: join(root, 'state'),
      runFolder: join(root, 'run'),
      machine: {
        hostname: 'node-1',
        architecture: 'arm64',
        bootID: 'b',
        machineID: 'm',
        kernelVersion: '6',
        osImage: 'o',
        canProtectFromOom: false,
        board: { cards: [] },
      },
      readMachine: async () => aMachine(),
      addresses: async () => ['192.168.1.7'],
      traffic: async () => undefined,
      hardwareLabels: async () => ({ 'dunlin.io/cpu': 'Cortex-A72' }),
      telemetrySeconds: 3600,
      clock: mortalClock(clock, life),
      random: () => 0.5,
      log: silentLog,
    })
    await agent.start()
    link.connect()
    for (let seconds = 0; seconds < 50 && !life.isOver; seconds += 1) {
      await Promise.race([agent.idle(), life.over])
      await clock.advance(1000)
    }
    return { life, link }
  }
  return { runtime, network, live }
}

const pod = aPod({
  initContainers: [aContainer({ name: 'init', command: ['true'] })],
  containers: [aContainer(), aContainer({ name: 'side' })],
})
const running = anAssignment({ pods: [pod] })
const deleted = anAssignment({
  pods: [aPod(pod.spec, { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 5 })],
})
const immortal = { at: Number.POSITIVE_INFINITY, when: 'before' } as const

for (const when of ['before', 'after'] as const) {
  t.test(`killed just ${when} any step of a start, the next agent finishes it and restarts nothing`, async t => {
    for (let at = 1; at <= 30; at += 1) {
      const of = await world(t)
      const { life } = await of.live(running, { at, when })
      if (!life.isOver) {
        t.ok(at > 8, `a start has ${at - 1} steps`)
        return
      }
      const { link } = await of.live(running, immortal)
      const starts = of.runtime.steps.filter(step => /^start .*(web|side)/.test(step))
      t.strictSame(starts.toSorted(), ['start uid-1/side/0', 'start uid-1/web/0'], `killed ${when} call ${at}`)
      t.notOk(of.runtime.steps.some(step => /^(stop|remove)/.test(step)))
      t.equal(link.pods.get('uid-1')?.status?.conditions?.find(one => one.type === 'Ready')?.status, 'True')
    }
    t.fail('a start never came to its end')
  })

  t.test(`killed just ${when} any step of an end, the next agent finishes it and leaves nothing`, async t => {
    for (let at = 1; at <= 30; at += 1) {
      const of = await world(t)
      await of.live(running, immortal)
      const { life } = await of.live(deleted, { at, when })
      if (!life.isOver) {
        t.ok(at > 5, `an end has ${at - 1} steps`)
        return
      }
      const { link } = await of.live(deleted, immortal)
      t.strictSame(await of.runtime.observe(), [], `killed ${when} call ${at}`)
      t.equal(of.network.attached().size, 0)
      t.ok(link.reports.some(report => report.pods?.some(one => one.gone)))
      t.equal(link.pods.size, 0)
    }
    t.fail('an end never came to its end')
  })
}
