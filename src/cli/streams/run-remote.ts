import type { Invocation } from '../command.ts'
import type { KubeClient } from '../kube-client.ts'
import { type ChannelSocket, openChannels } from './channel-socket.ts'
import { type LocalTerminal, rawTerminal, standardInput } from './local-terminal.ts'
import { resize, type TerminalSize, talk } from './talk.ts'

/** What becomes of a process that runs elsewhere while this one shows it. */
export interface RemoteRun {
  readonly path: string
  readonly query: readonly (readonly [string, string])[]
  readonly stdin: boolean
  readonly tty: boolean
  /** Watches the keys. Resolving to undefined drops them. */
  readonly onInput?: (bytes: Uint8Array, socket: ChannelSocket) => Uint8Array
  readonly onOutput?: (bytes: Uint8Array) => void
  readonly onResize?: (size: TerminalSize) => void
  readonly onOpen?: (socket: ChannelSocket) => void
}

/**
 * Puts a process of the hub through to this one's terminal or pipes, until it has ended; resolves to its exit code.
 * With `tty` this terminal is raw meanwhile, and given back whatever happens.
 *
 * @throws Fault as the hub or the process's status says
 */
export const runRemote = async (of: Invocation, kube: KubeClient, run: RemoteRun): Promise<number> => {
  const inputEnds = new AbortController()
  let terminal: LocalTerminal | undefined
  const socket = await openChannels(kube.context, run.path, run.query, of.signal)
  try {
    run.onOpen?.(socket)
    if (run.tty && process.stdin.isTTY) {
      terminal = rawTerminal(process.stdin, process.stdout)
      const tell = (size: TerminalSize): void => {
        run.onResize?.(size)
        // A connection that is gone is noticed by whoever reads from it.
        resize(socket, size).catch(() => undefined)
      }
      terminal.onResize(tell)
      tell(terminal.size)
    }
    const input = standardInput(process.stdin, inputEnds.signal)
    const output = async (to: NodeJS.WriteStream, bytes: Uint8Array): Promise<void> => {
      run.onOutput?.(bytes)
      if (!to.write(bytes)) await new Promise(resolve => to.once('drain', resolve))
    }
    return await talk(socket, {
      ...(run.stdin ? { stdin: watched(input, socket, run) } : {}),
      stdout: bytes => output(process.stdout, bytes),
      stderr: bytes => output(process.stderr, bytes),
    })
  } finally {
    inputEnds.abort()
    terminal?.restore()
    socket.close()
  }
}

async function* watched(
  input: AsyncIterable<Uint8Array>,
  socket: ChannelSocket,
  run: RemoteRun,
): AsyncIterable<Uint8Array> {
  for await (const bytes of input) {
    const send = run.onInput === undefined ? bytes : run.onInput(bytes, socket)
    if (send.length > 0) yield send
  }
  // A terminal does not end, it goes away, and its user with it.
  if (run.tty) socket.close()
}

/** Whether a terminal can be had, as kubectl decides it: it says so and goes on without one where not. */
export const canHaveTerminal = (of: Invocation): boolean => {
  const { tty, stdin } = { tty: of.isSet('tty'), stdin: of.isSet('stdin') }
  if (!tty) return false
  if (stdin && !process.stdin.isTTY) {
    if (!of.isSet('quiet')) of.out.note('Unable to use a TTY - input is not a terminal or the right kind of file')
    return false
  }
  return true
}
