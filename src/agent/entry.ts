import { describeError, faults, isFault } from '../api/fault.ts'
import { systemClock } from '../lib/clock.ts'
import { takeSupervisor } from '../lib/supervisor.ts'
import { runAgent } from './run-agent.ts'

/**
 * The agent alone as a program: what runs on a device, without the CLI around it. Flags are those of `dunlin agent`;
 * with the word `first-boot` it takes over what the card says, and ends.
 */
const supervisor = takeSupervisor(process.env, process.pid)
const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(name, () => stop.abort(new Error(`the signal ${name}`)))
const argv = process.argv.slice(2)
const write = (line: string): void => {
  process.stderr.write(line)
}
try {
  if (argv[0] === 'first-boot') {
    const { runFirstBoot } = await import('./first-boot/run-first-boot.ts')
    await runFirstBoot({ argv: argv.slice(1), now: Date.now, write })
  } else
    await runAgent({
      argv,
      env: process.env,
      clock: systemClock,
      random: Math.random,
      write,
      signal: stop.signal,
      supervisor,
    })
} catch (error) {
  process.stderr.write(`error: ${describeError(error)}\n`)
  process.exitCode = isFault(error) ? faults[error.reason].exit : 1
}
