import { readFileSync } from 'node:fs'

/** What the kernel counts of a process. */
export interface ProcessFigures {
  /** Seconds of CPU, user and system, since its start. */
  readonly cpuSeconds: number
  /** Proportional set size, MiB. */
  readonly pssMiB: number
  readonly anonymousMiB: number
  /** Bytes that it caused to be written to block devices since its start. */
  readonly diskBytes: number
}

const ticksPerSecond = 100

/** @example processFigures(process.pid).pssMiB // 52.4 */
export const processFigures = (pid: number): ProcessFigures => {
  const memory = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const mebibytes = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(memory)?.[1] ?? Number.NaN) / 1024
  // The name in brackets may hold spaces.
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return {
    cpuSeconds: (Number(stat[11]) + Number(stat[12])) / ticksPerSecond,
    pssMiB: mebibytes('Pss'),
    anonymousMiB: mebibytes('Pss_Anon'),
    diskBytes: Number(/^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1] ?? Number.NaN),
  }
}
