import type { Command, Option } from './command.ts'
import { formatTable } from './table.ts'

/** The overview that `dunlin` and `dunlin help` print. */
export const overview = (commands: readonly Command[]): string =>
  `Dunlin runs Kubernetes manifests on small devices, over MQTT.

${formatTable(commands.map(one => [`  ${one.name}`, one.summary]))}
"dunlin COMMAND --help" tells more, with examples.
Exit codes: 0 done, 1 it failed or is not well, 2 wrong words or manifest, 3 the hub was not reached in time,
4 not allowed, 5 this machine is not as it must be, 130 interrupted.
`

const optionLine = (option: Option): readonly string[] => [
  `  ${option.short === undefined ? '    ' : `-${option.short}, `}--${option.name}${option.value === undefined ? '' : `=${option.value}`}`,
  option.help,
]

/** What `dunlin COMMAND --help` prints: use, examples, options. */
export const commandHelp = (
  command: Command,
): string => `${command.summary[0]?.toUpperCase() ?? ''}${command.summary.slice(1)}.

  dunlin ${command.usage}

Examples:
${formatTable(command.examples.map(one => [`  ${one.line}`, `# ${one.says}`]))}${command.options.length === 0 ? '' : `\nOptions:\n${formatTable(command.options.map(optionLine))}`}`
