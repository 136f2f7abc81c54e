import { Fault } from '../api/fault.ts'
import type { Clock } from '../lib/clock.ts'
import { processesIn } from './cgroups.ts'
import { isSame, type ProcessId, processNow, signalProcess } from './processes.ts'

/** How often the process is looked at while it is expected to end. */
const lookEveryMs = 20

/** What does not end in this time after SIGKILL hangs in the kernel. */
const killTimeoutMs = 30_000

/**
 * Ends a container's process: the stop signal, then SIGKILL to all of its cgroup when the grace is over. Our own
 * signals, because the engine's stop holds a connection for the whole grace and looks every 100 ms only.
 * Resolves when nothing of the container runs.
 */
export const stopProcess = async (of: {
  readonly process: ProcessId
  readonly cgroup: string
  readonly signal: number
  readonly graceSeconds: number
  readonly clock: Clock
}): Promise<void> => {
  const isAlive = (): boolean => isSame(processNow(of.process.pid), of.process)
  const until = async (deadline: number): Promise<void> => {
    while (isAlive() && of.clock.monotonic() < deadline)
      await new Promise<void>(resolve => {
        of.clock.after(lookEveryMs, resolve)
      })
  }
  if (of.graceSeconds > 0) {
    signalProcess(of.process, of.signal)
    await until(of.clock.monotonic() + of.graceSeconds * 1000)
  }
  if (isAlive()) signalProcess(of.process, 'SIGKILL')
  // With a shared or the host's PID namespace, the first process does not take the others along.
  for (const pid of processesIn(of.cgroup)) {
    const one = processNow(pid)
    if (one !== undefined) signalProcess(one, 'SIGKILL')
  }
  await until(of.clock.monotonic() + killTimeoutMs)
  if (isAlive())
    throw new Fault(
      'Timeout',
      `process ${of.process.pid} did not end in ${killTimeoutMs / 1000} s after SIGKILL: it waits in the kernel, most often for a disk or a network file system`,
      { pid: of.process.pid },
    )
}
