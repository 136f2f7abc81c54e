import { Fault } from '../../api/fault.ts'
import type { RunningProcess, TerminalSize } from '../../core/pods/running-process.ts'
import type { Clock } from '../../lib/clock.ts'
import type { ShellReport } from '../../wire/side-channel/node-requests.ts'
import type { Pty } from './pty.ts'
import { type ScreenMemory, screenMemory } from './screen-memory.ts'

/*
 *   open ──> attached ──(its stream is gone)──> alone ──(attach)──> attached …
 *                │                                │
 *                └── the program ends             └── nobody comes in time: it is hung up
 */

export interface OpenTerminal {
  readonly session: string
  readonly by: string
  readonly user: string
  readonly command: readonly string[]
  /** Called when there is room for it. */
  readonly start: () => Pty
  /** How long it lives alone. */
  readonly detachedSeconds: number
}

/** The terminals of this device's shells. They live as long as the agent. */
export interface Terminals {
  /** A new one, with somebody at it. @throws Fault TooManyRequests, Conflict */
  open(of: OpenTerminal): RunningProcess
  /** At one that is there; who was at it is sent away. @throws Fault NotFound, Forbidden */
  attach(session: string, by: string): RunningProcess
  list(): readonly ShellReport[]
  /** @throws Fault NotFound */
  end(session: string): Promise<void>
  /** Hangs all of them up. */
  close(): void
}

/** Of one device; a further shell is refused. Those that are alone count. */
export const mostTerminals = 32
/** What somebody sees who comes back. */
const memoryBytes = 64 * 1024
/** Ended ones that are remembered, for whoever comes back to them. */
const mostEnded = 64

interface Row extends Omit<OpenTerminal, 'start'> {
  readonly pty: Pty
  readonly startedAt: number
  readonly memory: ScreenMemory
  /** Who is at it: takes what the terminal shows. */
  viewer: Viewer | undefined
  aloneSince: number | undefined
  cancelAlone: () => void
  size: TerminalSize | undefined
}

interface Viewer {
  readonly output: Output
  leave(why: Fault): void
}

export const terminals = (of: { readonly clock: Clock }): Terminals => {
  const { clock } = of
  const rows = new Map<string, Row>()
  const ended = new Map<string, string>()

  const remember = (session: string, how: string): void => {
    ended.set(session, how)
    const [oldest] = ended.keys()
    if (ended.size > mostEnded && oldest !== undefined) ended.delete(oldest)
  }

  const leaveAlone = (row: Row): void => {
    row.viewer = undefined
    // What it shows meanwhile goes to the memory only.
    row.pty.resume()
    if (!rows.has(row.session)) return
    row.aloneSince = clock.monotonic()
    row.cancelAlone = clock.after(row.detachedSeconds * 1000, () => {
      remember(row.session, `nobody came back to it for ${row.detachedSeconds / 60} minutes`)
      row.pty.hangUp()
    })
  }

  const view = (row: Row): RunningProcess => {
    row.viewer?.leave(new Fault('Conflict', 'somebody came to this shell from elsewhere'))
    row.cancelAlone()
    row.aloneSince = undefined
    const output = outputOf(row.pty)
    const gone = new Promise<never>((_resolve, reject) => {
      row.viewer = {
        output,
        leave(why) {
          output.end(why)
          reject(why)
        },
      }
    })
    gone.catch(() => undefined)
    const viewer = row.viewer
    return {
      stdin: {
        write: bytes => row.pty.write(bytes),
        // The end of what is piped in, as a terminal says it.
        end: () => void row.pty.write(Uint8Array.of(4)),
      },
      stdout: output.chunks,
      stderr: nothing,
      async resize(size) {
        row.size = size
        row.pty.resize(size)
      },
      exitCode: Promise.race([row.pty.exited, gone]),
      async close() {
        if (row.viewer !== viewer) return
        output.end()
        leaveAlone(row)
      },
    }
  }

  return {
    open(wish) {
      if (rows.size >= mostTerminals)
        throw new Fault('TooManyRequests', `${mostTerminals} shells are open on this device; end some of them`)
      if (rows.has(wish.session)) throw new Fault('Conflict', `this device has a shell ${wish.session} already`)
      const { start, ...about } = wish
      const row: Row = {
        ...about,
        pty: start(),
        startedAt: clock.monotonic(),
        memory: screenMemory(memoryBytes),
        viewer: undefined,
        aloneSince: undefined,
        cancelAlone: () => {},
        size: undefined,
      }
      rows.set(wish.session, row)
      row.pty.onOutput(bytes => {
        row.memory.push(bytes)
        row.viewer?.output.push(bytes)
      })
      void row.pty.exited.then(code => {
        rows.delete(row.session)
        row.cancelAlone()
        if (!ended.has(row.session)) remember(row.session, `it ended with exit code ${code}`)
        row.viewer?.output.end()
      })
      return view(row)
    },
    attach(session, by) {
      const row = rows.get(session)
      if (row === undefined) {
        const how = ended.get(session)
        throw new Fault('NotFound', `this device has no shell ${session}${how === undefined ? '' : `: ${how}`}`)
      }
      if (row.by !== by)
        throw new Fault('Forbidden', `the shell ${session} is of "${row.by}"; nobody else may come to it`)
      const process = view(row)
      row.viewer?.output.push(row.memory.bytes())
      redraw(row)
      return process
    },
    list: () =>
      [...rows.values()].map(row => {
        const alone = row.aloneSince
        const secondsSince = (at: number): number => Math.floor((clock.monotonic() - at) / 1000)
        return {
          session: row.session,
          by: row.by,
          user: row.user,
          command: row.command,
          isAttached: row.viewer !== undefined,
          ageSeconds: secondsSince(row.startedAt),
          ...(alone === undefined ? {} : { leftSeconds: Math.max(0, row.detachedSeconds - secondsSince(alone)) }),
        }
      }),
    async end(session) {
      const row = rows.get(session)
      if (row === undefined) throw new Fault('NotFound', `this device has no shell ${session}`)
      remember(session, 'it was ended')
      row.pty.hangUp()
      await row.pty.exited
    },
    close() {
      for (const row of rows.values()) row.pty.hangUp()
    },
  }
}

/** A program that fills the screen draws it anew when the size changes, and only then. */
const redraw = (row: Row): void => {
  const { size } = row
  if (size === undefined) return
  row.pty.resize({ ...size, rows: Math.max(1, size.rows - 1) })
  row.pty.resize(size)
}

interface Output {
  push(bytes: Uint8Array): void
  end(error?: Error): void
  readonly chunks: AsyncIterable<Uint8Array>
}

/** What may wait for a viewer; then the program waits. */
const mostWaitingBytes = 64 * 1024

const outputOf = (pty: Pick<Pty, 'pause' | 'resume'>): Output => {
  const waiting: Uint8Array[] = []
  let bytes = 0
  let over: { readonly error: Error | undefined } | undefined
  let wake = (): void => {}
  return {
    push(chunk) {
      if (over !== undefined || chunk.length === 0) return
      waiting.push(chunk)
      bytes += chunk.length
      if (bytes > mostWaitingBytes) pty.pause()
      wake()
    },
    end(error) {
      over ??= { error }
      wake()
    },
    chunks: {
      async *[Symbol.asyncIterator]() {
        for (;;) {
          const chunk = waiting.shift()
          if (chunk !== undefined) {
            bytes -= chunk.length
            if (bytes <= mostWaitingBytes / 2 && over === undefined) pty.resume()
            yield chunk
          } else if (over?.error !== undefined) throw over.error
          else if (over !== undefined) return
          else
            await new Promise<void>(resolve => {
              wake = resolve
            })
        }
      },
    },
  }
}

const nothing: AsyncIterable<Uint8Array> = { async *[Symbol.asyncIterator]() {} }
