import { Fault } from '../../api/fault.ts'
import { allKinds } from '../../api/kinds.ts'
import type { Command } from '../command.ts'

/** Commands are given, since the table of commands holds this one. */
export const completion = (commands: () => readonly Command[]): Command => ({
  name: 'completion',
  summary: 'completion for bash, zsh or fish',
  usage: 'completion bash|zsh|fish',
  examples: [
    { line: 'source <(dunlin completion bash)', says: 'in this shell' },
    { line: 'dunlin completion fish > ~/.config/fish/completions/dunlin.fish', says: 'for good, in fish' },
  ],
  options: [],
  async run(of) {
    const names = commands().map(one => one.name)
    const kinds = allKinds.map(kind => kind.plural)
    const make = shells[of.words[0] ?? '']
    if (make === undefined)
      throw new Fault('BadRequest', `completion for which shell? There are: ${Object.keys(shells).join(', ')}`)
    of.out.write(make(names, kinds, commands()))
    return 0
  },
})

type Make = (names: readonly string[], kinds: readonly string[], commands: readonly Command[]) => string

const bash: Make = (names, kinds, commands) => `_dunlin() {
  local word="\${COMP_WORDS[COMP_CWORD]}" command="\${COMP_WORDS[1]}"
  if [ "$COMP_CWORD" -eq 1 ]; then COMPREPLY=($(compgen -W "${names.join(' ')}" -- "$word")); return; fi
  case "$word" in
    -*) case "$command" in
${commands.map(one => `      ${one.name}) COMPREPLY=($(compgen -W "${one.options.map(option => `--${option.name}`).join(' ')}" -- "$word")) ;;`).join('\n')}
    esac ;;
    *) case "$command" in
      get|describe|delete|why|scale|rollout) COMPREPLY=($(compgen -W "${kinds.join(' ')}" -- "$word")) ;;
      *) COMPREPLY=($(compgen -f -- "$word")) ;;
    esac ;;
  esac
}
complete -F _dunlin dunlin
`

const shells: Record<string, Make> = {
  bash,
  zsh: (names, kinds, commands) => `autoload -U +X bashcompinit && bashcompinit\n${bash(names, kinds, commands)}`,
  fish: (_names, kinds, commands) =>
    [
      'complete -c dunlin -f',
      ...commands.map(
        one => `complete -c dunlin -n __fish_use_subcommand -a ${one.name} -d '${one.summary.replaceAll("'", '’')}'`,
      ),
      ...commands.flatMap(one =>
        one.options.map(
          option =>
            `complete -c dunlin -n '__fish_seen_subcommand_from ${one.name}' -l ${option.name}${'short' in option && option.short !== undefined ? ` -s ${option.short}` : ''} -d '${option.help.replaceAll("'", '’')}'`,
        ),
      ),
      `complete -c dunlin -n '__fish_seen_subcommand_from get describe delete why scale rollout' -a '${kinds.join(' ')}'`,
      '',
    ].join('\n'),
}
