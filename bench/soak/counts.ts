import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { until } from '../../test/fleet/kit.ts'

/** What only the process itself can count. Objects where they were asked for. */
export interface InsideCounts {
  readonly timers: number
  readonly listeners: number
  readonly resources: { readonly [name: string]: number }
  readonly maps?: { readonly count: number; readonly entries: number }
  readonly sets?: { readonly count: number; readonly entries: number }
  readonly heapUsed: number
  /** Bytes outside of the heap that its objects hold: buffers, above all. */
  readonly external: number
}

export interface Counts {
  readonly hub: InsideCounts & { readonly descriptors: number; readonly threads: number }
  readonly agent: InsideCounts & { readonly descriptors: number; readonly threads: number }
}

/** Lets every hub and agent that is started from now on count what it holds; returns the folder of the counts. */
export const watchInside = (world: string): string => {
  const inside = fileURLToPath(new URL('./inside.mjs', import.meta.url))
  const folder = `${world}/counts`
  mkdirSync(folder)
  process.env['NODE_OPTIONS'] = `--disable-warning=ExperimentalWarning --import=${inside}`
  process.env['DUNLIN_COUNTS'] = folder
  return folder
}

/** The lowest of several looks, field by field: between them, what is only for a moment has gone. */
export const quiet = async (counts: () => Promise<Counts>): Promise<Counts> => {
  let least = await counts()
  for (let look = 0; look < 4; look += 1) {
    await new Promise(resolve => setTimeout(resolve, 1500))
    const now = await counts()
    least = leastOf(least, now)
  }
  return least
}

/** The lower figure of each. */
export const leastOf = (a: Counts, b: Counts): Counts => ({
  hub: lower(a.hub, b.hub),
  agent: lower(a.agent, b.agent),
})

const lower = (a: Counts['hub'], b: Counts['hub']): Counts['hub'] => ({
  ...b,
  timers: Math.min(a.timers, b.timers),
  listeners: Math.min(a.listeners, b.listeners),
  descriptors: Math.min(a.descriptors, b.descriptors),
  threads: Math.min(a.threads, b.threads),
  heapUsed: Math.min(a.heapUsed, b.heapUsed),
  external: Math.min(a.external, b.external),
  ...(a.maps === undefined || b.maps === undefined ? {} : { maps: lowerOf(a.maps, b.maps) }),
  ...(a.sets === undefined || b.sets === undefined ? {} : { sets: lowerOf(a.sets, b.sets) }),
})

const lowerOf = (
  a: { readonly count: number; readonly entries: number },
  b: { readonly count: number; readonly entries: number },
) => ({ count: Math.min(a.count, b.count), entries: Math.min(a.entries, b.entries) })

/** Asks a process that has loaded inside.mjs. */
export const countInside = async (folder: string, role: 'hub' | 'agent', pid: number): Promise<InsideCounts> => {
  const file = `${folder}/${role}.json`
  rmSync(file, { force: true })
  writeFileSync(`${folder}/deep`, '')
  process.kill(pid, 'SIGUSR2')
  await until(`the counts of the ${role}`, () => (existsSync(file) ? true : undefined))
  return JSON.parse(readFileSync(file, 'utf8'))
}
