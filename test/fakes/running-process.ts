import type { ProcessOptions, RunningProcess, TerminalSize } from '../../src/core/pods/running-process.ts'
import { settled } from '../../src/lib/settled.ts'
import { type Incoming, incoming } from '../../src/wire/side-channel/incoming.ts'

/** A process that a test plays: it sees what was written and says what it likes. */
export interface PlayedProcess extends RunningProcess {
  readonly input: string
  readonly hasInputEnded: boolean
  readonly sizes: readonly TerminalSize[]
  readonly isClosed: boolean
  say(what: string | Uint8Array, to?: 'stdout' | 'stderr'): void
  exit(code: number): void
}

/** @example const process = aProcess({ tty: false, … }); process.say('hello\n'); process.exit(0) */
export const aProcess = (options: Pick<ProcessOptions, 'tty'>): PlayedProcess => {
  const output = (): Incoming => incoming({ taken: () => {}, left: () => {} })
  const outputs = { stdout: output(), stderr: output() }
  const exit = settled<number>()
  const sizes: TerminalSize[] = []
  let input = ''
  let hasInputEnded = false
  let isClosed = false
  const end = (code: number): void => {
    outputs.stdout.end()
    outputs.stderr.end()
    exit.resolve(code)
  }
  if (options.tty) outputs.stderr.end()
  return {
    stdin: {
      async write(bytes) {
        input += Buffer.from(bytes).toString()
      },
      end() {
        hasInputEnded = true
      },
    },
    ...outputs,
    async resize(size) {
      sizes.push(size)
    },
    exitCode: exit.promise,
    async close() {
      isClosed = true
      end(137)
    },
    get input() {
      return input
    },
    get hasInputEnded() {
      return hasInputEnded
    },
    get isClosed() {
      return isClosed
    },
    sizes,
    say: (what, to = 'stdout') => outputs[to].push(Buffer.from(what)),
    exit: end,
  }
}
