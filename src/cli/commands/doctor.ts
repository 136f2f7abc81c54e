import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { Command } from '../command.ts'
import { machineFacts } from '../doctor/facts.ts'
import type { Finding } from '../doctor/finding.ts'
import { hubFacts } from '../doctor/hub-facts.ts'
import { judgeMachine } from '../doctor/judge.ts'
import { judgeHub } from '../doctor/judge-hub.ts'
import { common } from '../options.ts'
import { formatTable, printable } from '../table.ts'

const usualState = '/var/lib/dunlin/agent'
/** Where the packages have the agent's settings. */
const environmentFile = '/etc/default/dunlin-agent'

export const doctor: Command = {
  name: 'doctor',
  summary: 'look at this machine, and at what its hub says of it, and tell what to mend',
  usage: 'doctor [--join-token TOKEN] [options]',
  examples: [{ line: 'sudo dunlin doctor', says: 'what is right and what is not, with the command that mends it' }],
  options: [
    { name: 'folder', value: 'DIR', help: 'where state and images are to lie (default: the state folder, else /)' },
    { name: 'state', value: 'DIR', help: `state folder of the agent (default ${usualState})` },
    { name: 'join-token', value: 'TOKEN', help: 'ask the hub whether it would take this token; it is not used up' },
    common.output,
  ],
  async run(of) {
    const stateFolder = of.text('state') ?? usualState
    const folder = of.text('folder') ?? (existsSync(stateFolder) ? stateFolder : '/')
    const token = of.text('join-token') ?? of.env['DUNLIN_JOIN_TOKEN'] ?? tokenIn(await textThere(environmentFile))
    const [machine, hub] = await Promise.all([
      machineFacts(folder),
      hubFacts({ stateFolder, token, signal: of.signal }),
    ])
    const findings = [...judgeMachine(machine), ...judgeHub(hub, machine.now)]
    if (of.text('output') === 'json') of.out.write(`${JSON.stringify(findings, null, 2)}\n`)
    else
      of.out.write(
        formatTable(
          findings.map(one => [
            marks(of.out.isTerminal)[one.verdict],
            one.what,
            printable(one.mend === undefined ? one.found : `${one.found}; ${one.mend}`),
          ]),
        ),
      )
    return findings.some(one => one.verdict === 'wrong') ? 5 : 0
  },
}

/** The join token that the agent would start with, out of its file of settings. */
const tokenIn = (settings: string): string | undefined => /^DUNLIN_JOIN_TOKEN=["']?([^\s"']+)/m.exec(settings)?.[1]

const textThere = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '')

const marks = (hasColour: boolean): Record<Finding['verdict'], string> =>
  hasColour
    ? { ok: '\u001b[32mok\u001b[0m     ', warning: '\u001b[33mwarning\u001b[0m', wrong: '\u001b[31mwrong\u001b[0m  ' }
    : { ok: 'ok', warning: 'warning', wrong: 'wrong' }
