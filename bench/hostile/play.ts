import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { valueIn } from '../../test/support/exposition.ts'
import { askedProcess } from '../simulate/asked-process.ts'
import type { AskAttackers, Attacked } from './attackers-process.ts'
import type { AttackName } from './attacks.ts'
import { attackedHub } from './hub.ts'
import { type NormalLoad, normalLoad, type Tally } from './normal-load.ts'

/** How much of each attack, and what must be counted of it. */
interface Part {
  readonly attack: AttackName
  readonly count: { readonly short: number; readonly full: number }
  /** Metrics of which at least one grows; in the short form only where `isSoon`. */
  readonly isSoon: boolean
  readonly counted: readonly (readonly [name: string, labels: { readonly [label: string]: string }])[]
}

const refused = 'dunlin_broker_connections_refused_total'
const left = 'dunlin_broker_disconnects_total'
const closed = 'dunlin_http_connections_refused_total'
const dropped = 'apiserver_dropped_requests_total'
const evicted = 'dunlin_tls_handshakes_evicted_total'

const parts: readonly Part[] = [
  { attack: 'no attack', isSoon: false, count: { short: 0, full: 0 }, counted: [] },
  {
    attack: 'strangers who connect and connect',
    isSoon: true,
    count: { short: 200, full: 20_000 },
    counted: [
      [refused, { reason: 'role' }],
      [evicted, {}],
    ],
  },
  {
    attack: 'a node that connects and connects',
    isSoon: true,
    count: { short: 200, full: 20_000 },
    counted: [[refused, { reason: 'rate' }]],
  },
  {
    attack: 'headers of 256 MiB, before CONNECT',
    isSoon: true,
    count: { short: 40, full: 1000 },
    counted: [
      [left, { reason: 'oversize' }],
      [evicted, {}],
    ],
  },
  {
    attack: 'headers of 256 MiB, of a node',
    isSoon: true,
    count: { short: 5, full: 500 },
    counted: [
      [left, { reason: 'oversize' }],
      [refused, { reason: 'rate' }],
    ],
  },
  {
    attack: 'telemetry readers that never read',
    isSoon: true,
    count: { short: 10, full: 200 },
    counted: [['dunlin_broker_messages_dropped_total', { reason: 'slow' }]],
  },
  {
    attack: 'a reader that subscribes to everything',
    isSoon: true,
    count: { short: 400, full: 10_000 },
    counted: [['dunlin_broker_subscriptions_refused_total', {}]],
  },
  {
    attack: 'retained births without end',
    isSoon: true,
    count: { short: 2500, full: 100_000 },
    counted: [['dunlin_broker_retained_refused_total', {}]],
  },
  {
    attack: 'a node that never stops talking',
    isSoon: true,
    count: { short: 10_000, full: 1_000_000 },
    counted: [['dunlin_broker_clients_slowed_total', {}]],
  },
  { attack: 'half-open TLS handshakes', isSoon: true, count: { short: 2400, full: 10_000 }, counted: [[evicted, {}]] },
  {
    attack: 'heads of requests, a byte a second',
    isSoon: false,
    count: { short: 100, full: 3000 },
    counted: [[closed, { reason: 'full' }]],
  },
  {
    attack: 'bodies of 3 MB, the last bytes one a second',
    isSoon: false,
    count: { short: 20, full: 200 },
    counted: [[dropped, { reason: 'bodies' }]],
  },
  {
    attack: 'bodies without end',
    isSoon: true,
    count: { short: 10, full: 200 },
    counted: [['apiserver_request_total', { code: '413' }]],
  },
  {
    attack: 'lists that nobody reads',
    isSoon: false,
    count: { short: 40, full: 500 },
    counted: [[dropped, { reason: 'answers' }]],
  },
  {
    attack: 'watches that nobody reads',
    isSoon: false,
    count: { short: 20, full: 500 },
    counted: [
      [closed, { reason: 'stuck' }],
      ['apiserver_terminated_watchers_total', {}],
    ],
  },
  {
    attack: 'thousands of watches',
    isSoon: false,
    count: { short: 100, full: 4000 },
    counted: [[dropped, { reason: 'watches' }]],
  },
  {
    attack: 'requests without a pause',
    isSoon: true,
    count: { short: 32, full: 256 },
    counted: [['apiserver_request_total', { verb: 'LIST', resource: 'nodes' }]],
  },
]

/** What became of one attack, and of the honest work meanwhile. */
export interface Outcome {
  readonly attack: AttackName
  readonly count: number
  readonly seconds: number
  readonly opened: number
  readonly closedByHub: number
  /** By metric: by how much it grew. */
  readonly counted: { readonly [metric: string]: number }
  readonly memory: { readonly beforeMiB: number; readonly mostMiB: number; readonly afterMiB: number }
  readonly honest: {
    readonly [what: string]: {
      readonly done: number
      readonly failed: number
      readonly p50: number
      readonly p99: number
    }
  }
  readonly failures: readonly string[]
  /** Whether this attack reaches a bound at this scale. */
  readonly mustCount: boolean
}

const residentMiB = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1024

const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN

/** Plays every attack once against one hub, under honest load. Nothing leaves the loopback. */
export const playHostile = async (of: {
  readonly folder: string
  readonly scale: 'short' | 'full'
  /** Of each attack; in the short form at most. */
  readonly seconds: number
  readonly only?: string | undefined
  readonly told: (outcome: Outcome) => void
}): Promise<void> => {
  const hub = await attackedHub(of.folder)
  const attackers = askedProcess<AskAttackers>({
    name: 'attackers',
    words: [
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      fileURLToPath(new URL('./attackers-process.ts', import.meta.url)),
    ],
    log: 2,
  })
  let load: NormalLoad | undefined
  try {
    const { target, admin } = hub
    load = await normalLoad({ ...target, admin, token: await hub.joinToken(), stateFolder: `${of.folder}/honest` })
    const play = async ({ attack, count, counted, isSoon }: Part): Promise<Outcome> => {
      await settled(hub)
      const before = await hub.scrape()
      const beforeMiB = residentMiB(hub.pid)
      let mostMiB = beforeMiB
      const look = setInterval(() => {
        if (!hub.hasEnded()) mostMiB = Math.max(mostMiB, residentMiB(hub.pid))
      }, 100)
      load?.begin()
      const ask = { attack, target, count: count[of.scale], seconds: of.seconds }
      const isFull = of.scale === 'full'
      const mustCount = counted.length > 0 && (isFull || isSoon)
      let isOver = false
      const lasting = attackers.ask<Attacked>(ask).finally(() => {
        isOver = true
        clearInterval(look)
      })
      // In the short form an attack lasts until it has been counted, or for a moment where it reaches no bound.
      for (const began = performance.now(); !isFull && !isOver; await sleep(200)) {
        const isCounted = !mustCount || growth(counted, before, await hub.scrape()).some(([, by]) => by > 0)
        if (isCounted && performance.now() - began > 1000) await attackers.ask({ attack: 'end it now' })
      }
      const attacked = await lasting
      const tallies = load?.tallies() ?? {}
      const honest = Object.entries(tallies).map(([what, tally]) => [what, summary(tally)] as const)
      const after = await hub.scrape()
      await settled(hub)
      return {
        attack,
        count: count[of.scale],
        seconds: of.seconds,
        ...attacked,
        counted: Object.fromEntries(growth(counted, before, after)),
        memory: { beforeMiB, mostMiB, afterMiB: residentMiB(hub.pid) },
        honest: Object.fromEntries(honest),
        mustCount,
        failures: Object.values(tallies).flatMap(tally => tally.failures),
      }
    }
    for (const part of parts) if (of.only === undefined || part.attack.includes(of.only)) of.told(await play(part))
  } finally {
    await load?.close()
    await attackers.stop()
    await hub.close()
  }
}

type Families = Parameters<typeof valueIn>[0]

/** By how much each of the metrics has grown. */
const growth = (counted: Part['counted'], before: Families, after: Families) =>
  counted.map(([name, labels]) => {
    const by = (valueIn(after, name, labels) ?? 0) - (valueIn(before, name, labels) ?? 0)
    const text = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
    return [text.length === 0 ? name : `${name}{${text.join(',')}}`, by] as const
  })

const summary = ({ ms, failures }: Tally) => ({
  done: ms.length,
  failed: failures.length,
  p50: quantile(ms, 0.5),
  p99: quantile(ms, 0.99),
})

/** Waits until what the attackers had open is closed at the hub, too. @throws when it stays for a minute */
const settled = async (hub: Awaited<ReturnType<typeof attackedHub>>): Promise<void> => {
  for (let tries = 0; tries < 300; tries += 1) {
    const now = await hub.scrape()
    const open = ['dunlin_tls_handshakes', 'dunlin_http_connections', 'dunlin_broker_connections']
    const sum = open.reduce((all, name) => all + (valueIn(now, name) ?? 0), 0)
    if (sum <= 12) return
    await sleep(200)
  }
  throw new Error('connections of an attack that has ended are still open')
}
