import { readFileSync } from 'node:fs'

/** A process, told apart from a later one with the same number by when it started (clock ticks since boot). */
export interface ProcessId {
  readonly pid: number
  readonly startTicks: string
}

/** The process with that number now, or undefined: none, or a zombie. */
export const processNow = (pid: number): ProcessId | undefined => {
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  try {
    // proc(5), stat: the name, in brackets, may hold anything; state is field 3, start time field 22.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined
    return { pid, startTicks: fields[19] ?? '' }
  } catch {
    return undefined // Gone.
  }
}

/** The number in a pid file, or undefined. */
export const pidIn = (path: string): number | undefined => {
  try {
    const pid = Number(readFileSync(path, 'utf8').trim())
    return Number.isInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined // Not there.
  }
}

export const isSame = (a: ProcessId | undefined, b: ProcessId | undefined): boolean =>
  a !== undefined && b !== undefined && a.pid === b.pid && a.startTicks === b.startTicks

/** Sends a signal to that process and to no later one with its number. */
export const signalProcess = (to: ProcessId, signal: number | NodeJS.Signals): void => {
  if (!isSame(processNow(to.pid), to)) return
  try {
    process.kill(to.pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** The process and all its descendants, children first. */
export const treeOf = (pid: number): readonly number[] => {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    return [...(children === '' ? [] : children.split(' ').flatMap(child => treeOf(Number(child)))), pid]
  } catch {
    return [pid]
  }
}
