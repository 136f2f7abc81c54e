import { setTimeout as sleep } from 'node:timers/promises'
import type { SimulatedHub } from './hub.ts'
import type { SimulatedNodes } from './nodes.ts'
import { wireBytes } from './own-network.ts'
import { processFigures } from './process-figures.ts'

/** What one scenario cost the hub, and what it was for. */
export interface Played {
  readonly scenario: string
  readonly seconds: number
  /** Of one core. */
  readonly hubCpuPercent: number
  readonly hubCpuSeconds: number
  /** Of all simulated nodes together. */
  readonly nodesCpuSeconds: number
  readonly hubPssMiB: number
  readonly hubMostPssMiB: number
  readonly hubHeapMiB: number
  /** How late the hub's event loop was, ms. */
  readonly loopDelay: { readonly p50: number; readonly p99: number; readonly most: number }
  readonly messages: { readonly up: number; readonly down: number }
  /** With TLS, TCP and IP. */
  readonly wireBytes: { readonly up: number; readonly down: number }
  readonly hubDiskBytes: number
  /** What this scenario alone tells, by name. */
  readonly facts: { readonly [name: string]: number }
}

export interface Stage {
  readonly hub: SimulatedHub
  readonly nodes: SimulatedNodes
  readonly say: (line: string) => void
  readonly profiles: string | undefined
}

/** Plays one scenario between two looks at the meters. A hub that starts anew in it is metered from then on. */
export const play = async (
  stage: Stage,
  scenario: string,
  act: () => Promise<{ readonly [name: string]: number }>,
): Promise<Played> => {
  const { hub, nodes, say } = stage
  say(`${scenario} ...`)
  await hub.meter()
  const { pid } = hub
  const nodesCpu = (): number => nodes.pids.reduce((sum, one) => sum + processFigures(one).cpuSeconds, 0)
  const before = {
    hub: processFigures(pid),
    nodesCpu: nodesCpu(),
    counts: await nodes.counts(),
    wire: await wireBytes(),
  }
  if (stage.profiles !== undefined) await hub.beginProfile()
  const begun = performance.now()
  let most = before.hub.pssMiB
  const sampler = setInterval(() => {
    try {
      most = Math.max(most, processFigures(hub.pid).pssMiB)
    } catch {
      // Killed, and not yet back.
    }
  }, 1000)
  const facts = await act().finally(() => clearInterval(sampler))
  const seconds = (performance.now() - begun) / 1000
  const isSameHub = hub.pid === pid
  if (stage.profiles !== undefined && isSameHub) await hub.endProfile(`${stage.profiles}/${scenario}.cpuprofile`)
  const after = { hub: processFigures(hub.pid), counts: await nodes.counts(), wire: await wireBytes() }
  const loop = await hub.meter()
  const cpuSeconds = after.hub.cpuSeconds - (isSameHub ? before.hub.cpuSeconds : 0)
  const played: Played = {
    scenario,
    seconds,
    hubCpuSeconds: cpuSeconds,
    hubCpuPercent: (cpuSeconds / seconds) * 100,
    nodesCpuSeconds: nodesCpu() - before.nodesCpu,
    hubPssMiB: after.hub.pssMiB,
    hubMostPssMiB: Math.max(most, after.hub.pssMiB),
    hubHeapMiB: loop.heapUsed / 2 ** 20,
    loopDelay: { p50: loop.p50, p99: loop.p99, most: loop.most },
    messages: {
      up: after.counts.messagesUp - before.counts.messagesUp,
      down: after.counts.messagesDown - before.counts.messagesDown,
    },
    wireBytes: { up: after.wire.up - before.wire.up, down: after.wire.down - before.wire.down },
    hubDiskBytes: after.hub.diskBytes - (isSameHub ? before.hub.diskBytes : 0),
    facts,
  }
  say(lineOf(played))
  return played
}

const lineOf = (one: Played): string =>
  [
    `${one.scenario}: ${one.seconds.toFixed(1)} s`,
    `hub CPU ${one.hubCpuPercent.toFixed(0)} % (${one.hubCpuSeconds.toFixed(1)} s; nodes ${one.nodesCpuSeconds.toFixed(1)} s), ${one.hubPssMiB.toFixed(0)} MiB (most ${one.hubMostPssMiB.toFixed(0)}, heap ${one.hubHeapMiB.toFixed(0)})`,
    `loop late by p50 ${one.loopDelay.p50.toFixed(0)}, p99 ${one.loopDelay.p99.toFixed(0)}, most ${one.loopDelay.most.toFixed(0)} ms`,
    `messages ${one.messages.up} up, ${one.messages.down} down`,
    `wire ${kilobytes(one.wireBytes.up)} up, ${kilobytes(one.wireBytes.down)} down`,
    `disk ${kilobytes(one.hubDiskBytes)}`,
    ...Object.entries(one.facts).map(([name, value]) => `${name} ${Number(value.toFixed(2))}`),
  ].join('; ')

const kilobytes = (bytes: number): string => `${Math.round(bytes / 1000)} kB`

/** Looks until it is so, and says how far it is on the way. @throws Error after `seconds` */
export const until = async (
  stage: Stage,
  what: string,
  look: () => Promise<{ readonly done: number; readonly of: number }>,
  seconds: number,
): Promise<void> => {
  const begun = performance.now()
  let saidAt = begun
  for (;;) {
    const { done, of } = await look()
    if (done >= of) return
    const now = performance.now()
    if (now - begun > seconds * 1000)
      throw new Error(`${what}: ${done} of ${of} within ${seconds} s, which is taken for failed`)
    if (now - saidAt > 5000) {
      saidAt = now
      stage.say(`  ${what}: ${done} of ${of} after ${((now - begun) / 1000).toFixed(0)} s`)
    }
    await sleep(200)
  }
}

/** The value below which that part of all lies; 0 of none. @example quantile([1, 2, 3, 4], 0.5) // 2 */
export const quantile = (values: readonly number[], part: number): number =>
  values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(values.length * part) - 1)] ?? 0
