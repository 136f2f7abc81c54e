import type { Command } from '../command.ts'
import { machineFacts } from '../doctor/facts.ts'
import { type Finding, judgeMachine } from '../doctor/judge.ts'
import { common } from '../options.ts'
import { formatTable, printable } from '../table.ts'

export const doctor: Command = {
  name: 'doctor',
  summary: 'look at this machine and say what to mend before an agent runs on it',
  usage: 'doctor [--folder DIR]',
  examples: [{ line: 'sudo dunlin doctor', says: 'what is right and what is not, with the command that mends it' }],
  options: [{ name: 'folder', value: 'DIR', help: 'where state and images are to lie (default /)' }, common.output],
  async run(of) {
    const findings = judgeMachine(await machineFacts(of.text('folder') ?? '/'))
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

const marks = (hasColour: boolean): Record<Finding['verdict'], string> =>
  hasColour
    ? { ok: '\u001b[32mok\u001b[0m     ', warning: '\u001b[33mwarning\u001b[0m', wrong: '\u001b[31mwrong\u001b[0m  ' }
    : { ok: 'ok', warning: 'warning', wrong: 'wrong' }
