import { spawn } from 'node:child_process'
import { Fault } from '../../api/fault.ts'

/** A board as ssh reaches it. */
export interface Ssh {
  /** Runs a fixed line there, with `input` on its standard input. Resolves to its standard output. */
  run(line: string, input?: string): Promise<string>
  copy(files: readonly string[], folder: string): Promise<void>
}

/** What a board prints is kept to so much; the rest is dropped. */
const mostBytes = 256 * 1024

/**
 * The system's ssh and scp: with the user's own keys, agent, known hosts and configuration. They ask for passwords
 * themselves; one connection serves all calls where the system's ssh can share it.
 *
 * @param place `[USER@]HOST`
 * @param options words for ssh and scp alike, such as `-o`, `Port=2222`
 * @throws Fault BadRequest when the place is none
 */
export const sshTo = (of: {
  readonly place: string
  readonly options: readonly string[]
  readonly signal: AbortSignal
}): Ssh => {
  const { place, options, signal } = of
  if (!/^(?:[\w.][\w.-]*@)?[\w[][\w.:\]%-]*$/.test(place))
    throw new Fault('BadRequest', `"${place.slice(0, 80)}" is no place for ssh; expected HOST or USER@HOST`)
  const call = async (program: string, words: readonly string[], input = ''): Promise<string> => {
    const child = spawn(program, [...options, ...words], { stdio: ['pipe', 'pipe', 'inherit'], signal })
    let text = ''
    child.stdout.on('data', (bytes: Buffer) => {
      if (text.length < mostBytes) text += bytes.toString('utf8')
    })
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', error =>
        reject(new Fault('Machine', `${program} cannot be run here: install OpenSSH's client`, { program }, error)),
      )
      child.on('close', resolve)
    })
    if (code === 0) return text
    const where = `${program} to ${place} ended with ${code ?? 'a signal'}; its words are above`
    if (code === 255)
      throw new Fault(
        'Unavailable',
        `${where}. Try "ssh ${place}" by itself: it must log in without a question of ours`,
        { place },
      )
    throw new Fault('Machine', `${where}${text === '' ? '' : `. The board said: ${text.trim().slice(-2000)}`}`, {
      place,
    })
  }
  return {
    run: (line, input) => call('ssh', ['--', place, line], input),
    async copy(files, folder) {
      // scp reads a colon as a board; an address of IPv6 needs its brackets there.
      const [, user = '', host = ''] = /^([^@]*@)?(.*)$/.exec(place) ?? []
      const to = host.includes(':') && !host.startsWith('[') ? `${user}[${host}]` : place
      await call('scp', ['-q', '--', ...files, `${to}:${folder}/`])
    },
  }
}
