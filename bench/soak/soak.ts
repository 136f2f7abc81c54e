import { readFileSync } from 'node:fs'
import { podsReady, startFleet } from '../../test/fleet/kit.ts'
import type { OwnWorld } from '../../test/fleet/own-world.ts'
import { ownNode, startBundle } from '../kit-agent.ts'
import { ownDisk } from '../kit-disk.ts'
import { type Counts, countInside, quiet, watchInside } from './counts.ts'
import { type ProcessReading, pidsOf, readProcess } from './read-process.ts'
import { applySoakPods, changeStatus } from './workload.ts'

/*
 *   hub ── lan1 (bytes counted) ── node a: agent as it ships, ten pods
 *    │                              │
 *   disk of its own                disk of its own (state, engine's store)
 *
 *   warm-up ──> settling ──> idle ──> change, round by round ──> settling ──> idle ──> counts compared
 */

export interface SoakPlan {
  readonly warmUpSeconds: number
  /** What follows a change is over after this time. */
  readonly settleSeconds: number
  /** Without any change, before the changes and again after them. */
  readonly idleSeconds: number
  readonly changeRounds: number
  /** A round begins so long after the one before. */
  readonly changeEverySeconds: number
  readonly sampleSeconds: number
  /** Further words for the agent. */
  readonly agentWords?: readonly string[]
  /** The period of every probe. */
  readonly probeSeconds: number
}

export type Phase = 'warm-up' | 'settling' | 'idle' | 'change' | 'settling again' | 'idle again'

export interface Sample {
  readonly seconds: number
  readonly phase: Phase
  readonly hub: ProcessReading
  readonly agent: ProcessReading
  /** All monitors of containers together, KiB. */
  readonly monitors: { readonly count: number; readonly pss: number }
  /** The engine's API service, where it is there. */
  readonly engine?: { readonly pss: number }
}

/** What grew from the beginning of a phase to its end. */
export interface PhaseTotal {
  readonly phase: Phase
  readonly seconds: number
  readonly hub: Grown
  readonly agent: Grown
  readonly nodeDiskBytes: number
  readonly hubDiskBytes: number
  /** Of whole frames, with all their headers. */
  readonly toHubBytes: number
  readonly toNodeBytes: number
}

export type Grown = { readonly [field in 'cpuMs' | 'childrenCpuMs' | 'wakeUps' | 'writtenBytes']: number }

export interface SoakResult {
  readonly samples: readonly Sample[]
  readonly phases: readonly PhaseTotal[]
  readonly before: Counts
  readonly after: Counts
}

/**
 * Runs hub, agent and ten pods for as long as the plan says and measures them. Inside a world of its own only.
 *
 * @example const result = await soak(world, plan, line => process.stdout.write(line))
 */
export const soak = async (world: OwnWorld, plan: SoakPlan, say: (line: string) => void): Promise<SoakResult> => {
  const countsFolder = watchInside(world.folder)
  const nodeDisk = ownDisk(`${world.folder}/nodes/a`, 768)
  const hubDisk = ownDisk(`${world.folder}/hub`, 256)
  const fleet = await startFleet(world)
  try {
    const node = await fleet.addNode('a')
    const agent = await startBundle(node, { binary: ownNode(world), words: plan.agentWords ?? [] })
    await applySoakPods(fleet, plan.probeSeconds)
    const hubPid = fleet.hub().pid
    const started = performance.now()
    const seconds = (): number => (performance.now() - started) / 1000

    const sample = (phase: Phase): Sample => {
      const [hubReading, agentReading] = [readProcess(hubPid), readProcess(agent.pid)]
      if (hubReading === undefined) throw new Error(`the hub has ended: ${fleet.hub().tail()}`)
      if (agentReading === undefined) throw new Error(`the agent has ended: ${agent.process.output().slice(-3000)}`)
      const monitors = pidsOf(words => /(^|\/)conmon$/.test(words[0] ?? '')).flatMap(pid => readProcess(pid) ?? [])
      const [engine] = pidsOf(words => /(^|\/)podman$/.test(words[0] ?? '') && words.includes('service')).flatMap(
        pid => readProcess(pid) ?? [],
      )
      return {
        seconds: seconds(),
        phase,
        hub: hubReading,
        agent: agentReading,
        monitors: { count: monitors.length, pss: monitors.reduce((sum, one) => sum + one.pss, 0) },
        ...(engine === undefined ? {} : { engine: { pss: engine.pss } }),
      }
    }

    const counts = async (): Promise<Counts> => {
      // Our own connections to the hub are not the hub's.
      fleet.kube.close()
      const one = async (role: 'hub' | 'agent', pid: number) => {
        const reading = readProcess(pid)
        return {
          ...(await countInside(countsFolder, role, pid)),
          descriptors: reading?.descriptors ?? Number.NaN,
          threads: reading?.threads ?? Number.NaN,
        }
      }
      return { hub: await one('hub', hubPid), agent: await one('agent', agent.pid) }
    }

    const mark = (phase: Phase) => {
      const { hub, agent: ours } = sample(phase)
      return {
        seconds: seconds(),
        hub,
        agent: ours,
        nodeDiskBytes: nodeDisk.writtenBytes(),
        hubDiskBytes: hubDisk.writtenBytes(),
        toHubBytes: Number(readFileSync('/sys/class/net/lan1/statistics/rx_bytes', 'utf8')),
        toNodeBytes: Number(readFileSync('/sys/class/net/lan1/statistics/tx_bytes', 'utf8')),
      }
    }

    const samples: Sample[] = []
    const phases: PhaseTotal[] = []
    const during = async (
      phase: Phase,
      lastsSeconds: number,
      act: () => Promise<void> = async () => {},
    ): Promise<void> => {
      say(`${phase}: ${Math.round(lastsSeconds)} s`)
      const before = mark(phase)
      const end = performance.now() + lastsSeconds * 1000
      let isOver = false
      const acted = act().finally(() => {
        isOver = true
      })
      do {
        samples.push(sample(phase))
        const last = samples.at(-1)
        say(
          `  ${last?.seconds.toFixed(0)} s: agent ${mebibytes(last?.agent.pss)} MiB (${mebibytes(last?.agent.anonymous)} its own), hub ${mebibytes(last?.hub.pss)} MiB`,
        )
        await new Promise(resolve =>
          setTimeout(resolve, Math.max(0, Math.min(plan.sampleSeconds * 1000, end - performance.now()))),
        )
        if (performance.now() >= end && !isOver) await acted
      } while (performance.now() < end)
      await acted
      const after = mark(phase)
      phases.push({
        phase,
        seconds: after.seconds - before.seconds,
        hub: grown(before.hub, after.hub),
        agent: grown(before.agent, after.agent),
        nodeDiskBytes: after.nodeDiskBytes - before.nodeDiskBytes,
        hubDiskBytes: after.hubDiskBytes - before.hubDiskBytes,
        toHubBytes: after.toHubBytes - before.toHubBytes,
        toNodeBytes: after.toNodeBytes - before.toNodeBytes,
      })
    }

    /** A container is killed in each third round. */
    const change = async (rounds: number): Promise<void> => {
      const began = performance.now()
      for (let round = 0; round < rounds; round += 1) {
        const wait = began + round * plan.changeEverySeconds * 1000 - performance.now()
        if (wait > 0) await new Promise(resolve => setTimeout(resolve, wait))
        await changeStatus(fleet, round % 3 === 2)
      }
    }
    // What is remembered of a change is there before it is counted.
    await during('warm-up', plan.warmUpSeconds, () => change(2))
    await podsReady(fleet, 'in=soak', 10, 400)
    await during('settling', plan.settleSeconds)
    const before = await quiet(counts)
    await during('idle', plan.idleSeconds)
    await during('change', plan.changeRounds * plan.changeEverySeconds, () => change(plan.changeRounds))
    await podsReady(fleet, 'in=soak', 10, 400)
    await during('settling again', plan.settleSeconds)
    await during('idle again', plan.idleSeconds)
    const after = await quiet(counts)
    await agent.stop()
    return { samples, phases, before, after }
  } finally {
    for (const node of fleet.nodes) await node.machine.powerOff()
    nodeDisk.close()
    await fleet.close()
  }
}

const mebibytes = (kibibytes: number | undefined): string => ((kibibytes ?? Number.NaN) / 1024).toFixed(1)

const grown = (before: ProcessReading, after: ProcessReading): Grown => ({
  cpuMs: after.cpuMs - before.cpuMs,
  childrenCpuMs: after.childrenCpuMs - before.childrenCpuMs,
  wakeUps: after.wakeUps - before.wakeUps,
  writtenBytes: after.writtenBytes - before.writtenBytes,
})
