import { readdirSync, readFileSync } from 'node:fs'

/** What the kernel says of one process. Everything but sizes grows from its start. */
export interface ProcessReading {
  /** KiB. */
  readonly pss: number
  readonly anonymous: number
  readonly rss: number
  readonly descriptors: number
  readonly threads: number
  /** Of its own threads, ms. */
  readonly cpuMs: number
  /** Of programs that it started and that have ended, ms. */
  readonly childrenCpuMs: number
  /** Times that a thread of it fell asleep: as often it was woken. */
  readonly wakeUps: number
  /** Bytes of files that are not on a tmpfs that it made dirty, with those of ended programs that it started. */
  readonly writtenBytes: number
}

/**
 * Reads `/proc/PID`; undefined where the process has ended. Needs root.
 *
 * @example readProcess(4711)?.pss
 */
export const readProcess = (pid: number): ProcessReading | undefined => {
  try {
    const sizes = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
    const ticks = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
      .slice(11, 15)
      .map(one => Number(one) * 10)
    const threads = readdirSync(`/proc/${pid}/task`)
    return {
      pss: numberIn(sizes, 'Pss'),
      anonymous: numberIn(sizes, 'Pss_Anon'),
      rss: numberIn(sizes, 'Rss'),
      descriptors: readdirSync(`/proc/${pid}/fd`).length,
      threads: threads.length,
      cpuMs: (ticks[0] ?? 0) + (ticks[1] ?? 0),
      childrenCpuMs: (ticks[2] ?? 0) + (ticks[3] ?? 0),
      wakeUps: threads.reduce((sum, thread) => sum + switchesOf(pid, thread), 0),
      writtenBytes: numberIn(readFileSync(`/proc/${pid}/io`, 'utf8'), 'write_bytes'),
    }
  } catch {
    return undefined // It ended while we looked.
  }
}

/** The processes whose command line is accepted. */
export const pidsOf = (accepts: (words: readonly string[]) => boolean): readonly number[] =>
  readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => accepts(wordsOf(pid)))

const wordsOf = (pid: number): readonly string[] => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1)
  } catch {
    return [] // It ended while we looked.
  }
}

const switchesOf = (pid: number, thread: string): number => {
  try {
    return numberIn(readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8'), 'voluntary_ctxt_switches')
  } catch {
    return 0 // The thread ended while we looked.
  }
}

const numberIn = (text: string, field: string): number =>
  Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN)
