import { describeError, faults, isFault } from '../api/fault.ts'
import { systemClock } from '../lib/clock.ts'
import { takeSupervisor } from '../lib/supervisor.ts'
import { runAgent } from './run-agent.ts'

/** The agent alone as a program: what runs on a device, without the CLI around it. Flags are those of `dunlin agent`. */
const supervisor = takeSupervisor(process.env, process.pid)
const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(name, () => stop.abort(new Error(`the signal ${name}`)))
try {
  await runAgent({
    argv: process.argv.slice(2),
    env: process.env,
    clock: systemClock,
    random: Math.random,
    write: line => process.stderr.write(line),
    signal: stop.signal,
    supervisor,
  })
} catch (error) {
  process.stderr.write(`error: ${describeError(error)}\n`)
  process.exitCode = isFault(error) ? faults[error.reason].exit : 1
}
