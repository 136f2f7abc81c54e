import { agentSettings } from '../../agent/config.ts'
import { systemClock } from '../../lib/clock.ts'
import { takeSupervisor } from '../../lib/supervisor.ts'
import type { Command } from '../command.ts'
import { settingOptions } from '../setting-options.ts'

export const agent: Command = {
  name: 'agent',
  summary: 'run an agent on this device',
  usage: 'agent [--join-token TOKEN] [options] | agent first-boot',
  examples: [
    { line: 'dunlin agent --join-token dunlin1.…', says: 'join the hub that made the token, and run its pods' },
    { line: 'dunlin agent', says: 'from then on' },
    { line: 'dunlin agent --store memory', says: 'containers in memory: nothing is written to the card for a pod' },
  ],
  options: settingOptions(agentSettings),
  async run(of) {
    const [word, ...words] = of.line
    if (word === 'first-boot') {
      const { runFirstBoot } = await import('../../agent/first-boot/run-first-boot.ts')
      await runFirstBoot({ argv: words, now: of.now, write: line => of.out.note(line.trimEnd()) })
      return 0
    }
    const { runAgent } = await import('../../agent/run-agent.ts')
    const write = (line: string): void => of.out.note(line.trimEnd())
    await runAgent({
      argv: of.line,
      env: of.env,
      clock: systemClock,
      random: Math.random,
      write,
      signal: of.signal,
      supervisor: takeSupervisor(process.env, process.pid),
    })
    return 0
  },
}
