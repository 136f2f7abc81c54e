import type { Counts } from './counts.ts'
import { type Line, slope } from './slope.ts'
import type { PhaseTotal, Sample, SoakResult } from './soak.ts'

const daySeconds = 86_400

/**
 * What a soak found, as tables for docs/performance.md: memory and its slope, what was counted, and what a day would bring.
 *
 * @example process.stdout.write(soakTables(result))
 */
export const soakTables = (of: SoakResult): string =>
  [memoryTable(of.samples), countTable(of.before, of.after), dayTable(of.phases)].join('\n\n')

/** A slope of each time without change: what a change adds once is seen between them. */
const memoryTable = (samples: readonly Sample[]): string => {
  const idle = samples.filter(one => one.phase === 'idle')
  const again = samples.filter(one => one.phase === 'idle again')
  const line = (of: readonly Sample[], read: (one: Sample) => number): Line =>
    slope(of.map(one => [one.seconds / 3600, read(one)] as const))
  const row = (name: string, read: (one: Sample) => number, budget = ''): readonly string[] => [
    name,
    ...[idle, again].flatMap(of => {
      const { mean, slope: perHour, error } = line(of, read)
      return [mebibytes(mean), `${signed(perHour)} ± ${(2 * error).toFixed(0)}`]
    }),
    budget,
  ]
  const share = (of: readonly Sample[]): string =>
    `${((100 * of.filter(one => one.engine !== undefined).length) / of.length).toFixed(0)} % of the looks`
  return table(
    ['', 'before the changes, MiB', 'slope, KiB an hour', 'after them, MiB', 'slope, KiB an hour', 'budget'],
    [
      row('agent, PSS', one => one.agent.pss, '70 MB'),
      row('agent, anonymous', one => one.agent.anonymous, '30 MB'),
      row('hub, PSS', one => one.hub.pss),
      row('hub, anonymous', one => one.hub.anonymous),
      row('monitors of the containers, PSS', one => one.monitors.pss),
      ["engine's service is there in", share(idle), '', share(again), '', 'not resident'],
    ],
  )
}

const countTable = (before: Counts, after: Counts): string => {
  const row = (name: string, read: (counts: Counts) => number | undefined): readonly string[] => [
    name,
    String(read(before) ?? ''),
    String(read(after) ?? ''),
  ]
  return table(
    ['', 'after the warm-up', 'at the end'],
    (['agent', 'hub'] as const).flatMap(role => [
      row(`${role}: descriptors`, one => one[role].descriptors),
      row(`${role}: threads`, one => one[role].threads),
      row(`${role}: timers`, one => one[role].timers),
      row(`${role}: listeners`, one => one[role].listeners),
      row(`${role}: maps and sets`, one => (one[role].maps?.count ?? 0) + (one[role].sets?.count ?? 0)),
      row(`${role}: entries in them`, one => (one[role].maps?.entries ?? 0) + (one[role].sets?.entries ?? 0)),
    ]),
  )
}

const dayTable = (phases: readonly PhaseTotal[]): string => {
  const idle = sum(phases.filter(one => one.phase === 'idle' || one.phase === 'idle again'))
  const change = sum(phases.filter(one => one.phase === 'change'))
  const row = (name: string, read: (of: Totals) => string, budget = ''): readonly string[] => [
    name,
    read(idle),
    read(change),
    budget,
  ]
  const aDay = (bytes: (of: Totals) => number) => (of: Totals) => megabytes((bytes(of) / of.seconds) * daySeconds)
  const perSecond = (count: (of: Totals) => number) => (of: Totals) => (count(of) / of.seconds).toFixed(1)
  const percent = (ms: (of: Totals) => number) => (of: Totals) => (ms(of) / of.seconds / 10).toFixed(2)
  return table(
    ['', `idle (${Math.round(idle.seconds / 60)} min)`, `changing (${Math.round(change.seconds / 60)} min)`, 'budget'],
    [
      row(
        'agent: CPU, % of a core',
        percent(of => of.agent.cpuMs),
        '1 % of a Pi 3 core',
      ),
      row(
        'agent: CPU of what it starts (exec probes), %',
        percent(of => of.agent.childrenCpuMs),
      ),
      row(
        'agent: wake-ups a second',
        perSecond(of => of.agent.wakeUps),
      ),
      row(
        'agent and what it starts: MB a day to files',
        aDay(of => of.agent.writtenBytes),
      ),
      row(
        "node's disk: MB a day",
        aDay(of => of.nodeDiskBytes),
        '5 MB idle',
      ),
      row(
        'hub: CPU, % of a core',
        percent(of => of.hub.cpuMs),
      ),
      row(
        'hub: wake-ups a second',
        perSecond(of => of.hub.wakeUps),
      ),
      row(
        'hub: MB a day to files',
        aDay(of => of.hub.writtenBytes),
      ),
      row(
        "hub's disk: MB a day",
        aDay(of => of.hubDiskBytes),
        '5 MB idle',
      ),
      row(
        'wire, node to hub: MB a day',
        aDay(of => of.toHubBytes),
      ),
      row(
        'wire, hub to node: MB a day',
        aDay(of => of.toNodeBytes),
      ),
      row(
        'wire, both: MB a day',
        aDay(of => of.toHubBytes + of.toNodeBytes),
        '1 MB idle',
      ),
    ],
  )
}

type Totals = Omit<PhaseTotal, 'phase'>

const sum = (phases: readonly PhaseTotal[]): Totals => {
  const total = (read: (of: PhaseTotal) => number): number => phases.reduce((all, one) => all + read(one), 0)
  const both = (role: 'hub' | 'agent') => ({
    cpuMs: total(one => one[role].cpuMs),
    childrenCpuMs: total(one => one[role].childrenCpuMs),
    wakeUps: total(one => one[role].wakeUps),
    writtenBytes: total(one => one[role].writtenBytes),
  })
  return {
    seconds: total(one => one.seconds),
    hub: both('hub'),
    agent: both('agent'),
    nodeDiskBytes: total(one => one.nodeDiskBytes),
    hubDiskBytes: total(one => one.hubDiskBytes),
    toHubBytes: total(one => one.toHubBytes),
    toNodeBytes: total(one => one.toNodeBytes),
  }
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [`| ${head.join(' | ')} |`, `|${'---|'.repeat(head.length)}`, ...rows.map(row => `| ${row.join(' | ')} |`)].join('\n')

const mebibytes = (kibibytes: number): string => (kibibytes / 1024).toFixed(1)
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(2)
const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(0)}`
