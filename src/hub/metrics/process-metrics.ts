import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import type { Clock } from '../../lib/clock.ts'
import type { HubMeter } from './hub-metrics.ts'

/** The event loop is watched for this long after a scrape: nothing ticks while nobody scrapes. */
const watchedMs = 180_000
const resolutionMs = 20
const nanos = 1e9

interface Seen {
  readonly openFds: number
  readonly lagSeconds: number
}

export interface ProcessMetrics {
  /** To be awaited before each scrape: what cannot be read at once. */
  look(): Promise<void>
  close(): void
}

/** What the process uses, read from `/proc` and V8 when somebody asks. Linux; zeros elsewhere. */
export const processMetrics = (of: {
  readonly meter: HubMeter
  readonly clock: Clock
  readonly version: string
}): ProcessMetrics => {
  const { meter, clock } = of
  let seen: Seen = { openFds: 0, lagSeconds: 0 }
  let loop: ReturnType<typeof monitorEventLoopDelay> | undefined
  let lag = { mean: 0, p99: 0, max: 0 }
  let utilization = performance.eventLoopUtilization()
  let busy = utilization.utilization
  let cancel = (): void => {}
  const startSeconds = (clock.now() - performance.now()) / 1000
  const maxFds = limitOf('Max open files')

  const one = (name: Parameters<typeof meter.read>[0], value: () => number): void =>
    meter.read(name, () => [[[], value()]])

  one('process_cpu_seconds_total', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
  one('process_resident_memory_bytes', () => process.memoryUsage.rss())
  one('process_virtual_memory_bytes', () => pagesOf(0) * pageBytes)
  one('process_open_fds', () => seen.openFds)
  one('process_max_fds', () => maxFds)
  one('process_start_time_seconds', () => startSeconds)
  one('nodejs_eventloop_lag_seconds', () => seen.lagSeconds)
  one('nodejs_eventloop_lag_mean_seconds', () => lag.mean)
  one('nodejs_eventloop_lag_p99_seconds', () => lag.p99)
  one('nodejs_eventloop_lag_max_seconds', () => lag.max)
  one('nodejs_eventloop_utilization_ratio', () => busy)
  one('nodejs_heap_size_total_bytes', () => process.memoryUsage().heapTotal)
  one('nodejs_heap_size_used_bytes', () => process.memoryUsage().heapUsed)
  one('nodejs_external_memory_bytes', () => process.memoryUsage().external)
  meter.read('nodejs_active_resources', () => {
    const counts = new Map<string, number>()
    for (const type of process.getActiveResourcesInfo()) counts.set(type, (counts.get(type) ?? 0) + 1)
    return [...counts].map(([type, count]) => [[type], count] as const)
  })
  meter.read('dunlin_build_info', () => [[[of.version, process.version], 1]])

  const lookAtLoop = (): void => {
    const now = performance.eventLoopUtilization()
    busy = performance.eventLoopUtilization(now, utilization).utilization
    utilization = now
    if (loop === undefined) {
      loop = monitorEventLoopDelay({ resolution: resolutionMs })
      loop.enable()
    } else if (loop.count > 0) {
      // The histogram counts from one tick of its timer to the next.
      const late = (value: number): number => Math.max(0, value / nanos - resolutionMs / 1000)
      lag = { mean: late(loop.mean), p99: late(loop.percentile(99)), max: late(loop.max) }
      loop.reset()
    }
    cancel()
    cancel = clock.after(watchedMs, stop)
  }

  const stop = (): void => {
    cancel()
    loop?.disable()
    loop = undefined
    lag = { mean: 0, p99: 0, max: 0 }
  }

  return {
    async look() {
      lookAtLoop()
      const openFds = await countOpen()
      const before = performance.now()
      await new Promise(resolve => setImmediate(resolve))
      seen = { openFds, lagSeconds: (performance.now() - before) / 1000 }
    },
    close: stop,
  }
}

const pageBytes = 4096

/** proc(5): size, resident, shared … in pages. */
const pagesOf = (field: number): number => Number(readOr('/proc/self/statm').split(' ')[field] ?? 0)

const limitOf = (name: string): number => {
  const line = readOr('/proc/self/limits')
    .split('\n')
    .find(one => one.startsWith(name))
  return Number(line?.slice(name.length).trim().split(/\s+/)[0] ?? 0)
}

/** `''` where the system has no such file. */
const readOr = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const countOpen = (): Promise<number> =>
  readdir('/proc/self/fd').then(
    // The folder itself is open while it is read.
    names => names.length - 1,
    () => 0,
  )
