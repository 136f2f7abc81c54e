import { readFileSync } from 'node:fs'
import type { Clock } from '../../lib/clock.ts'
import { isSame, type ProcessId, processNow, signalProcess, treeOf } from '../processes.ts'

/** What a hangup gets to be obeyed. */
const hangupMs = 1000

/**
 * Ends a process that was started in a container, and what it started: all below it, and all of its session, which
 * holds those whose parents have ended. What made itself a session of its own is no longer its.
 *
 * @example await endSession({ leader, cgroupProcesses: () => pidsIn(cgroup), clock })
 */
export const endSession = async (of: {
  readonly leader: ProcessId
  /** All processes of its container. */
  readonly cgroupProcesses: () => readonly number[]
  readonly clock: Clock
}): Promise<void> => {
  const members = new Map<number, ProcessId>()
  const look = (): readonly ProcessId[] => {
    const isThere = isSame(processNow(of.leader.pid), of.leader)
    const found = [
      ...(isThere ? treeOf(of.leader.pid) : []),
      ...of.cgroupProcesses().filter(pid => sessionOf(pid) === of.leader.pid),
    ]
    for (const pid of found) {
      const one = processNow(pid)
      if (one !== undefined) members.set(pid, one)
    }
    return [...members.values()].filter(one => isSame(processNow(one.pid), one))
  }
  for (const one of look()) signalProcess(one, 'SIGHUP')
  for (let waitedMs = 0; waitedMs < hangupMs && look().length > 0; waitedMs += 50)
    await new Promise<void>(resolve => void of.clock.after(50, resolve))
  for (const one of look()) signalProcess(one, 'SIGKILL')
}

/** proc(5), stat: the session is field 6, four after the name in brackets. */
const sessionOf = (pid: number): number | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3])
  } catch {
    return undefined // Gone.
  }
}
