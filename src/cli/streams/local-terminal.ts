import type { ReadStream, WriteStream } from 'node:tty'
import type { TerminalSize } from './talk.ts'

/** This process's terminal: keys one by one, its size, and back to what it was at the end. */
export interface LocalTerminal {
  readonly size: TerminalSize
  /** Called with each change of size; storms are thinned to the newest. */
  onResize(listener: (size: TerminalSize) => void): void
  /** Gives the terminal back. Idempotent. */
  restore(): void
}

/** Between two changes of size that are passed on. */
const resizeMs = 30

/**
 * Takes the terminal over: each key comes at once, and Ctrl-C is a key.
 *
 * @example const terminal = rawTerminal(process.stdin, process.stdout); try { … } finally { terminal.restore() }
 */
export const rawTerminal = (stdin: ReadStream, stdout: WriteStream): LocalTerminal => {
  stdin.setRawMode(true)
  let listener: (size: TerminalSize) => void = () => {}
  let timer: NodeJS.Timeout | undefined
  const sizeNow = (): TerminalSize => ({ columns: stdout.columns, rows: stdout.rows })
  const changed = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined
      listener(sizeNow())
    }, resizeMs)
  }
  stdout.on('resize', changed)
  const restore = (): void => {
    clearTimeout(timer)
    stdout.off('resize', changed)
    process.off('exit', restore)
    if (stdin.isRaw) stdin.setRawMode(false)
  }
  // However it ends: a terminal that stays raw is of no use to anybody.
  process.on('exit', restore)
  return {
    get size() {
      return sizeNow()
    },
    onResize(listen) {
      listener = listen
    },
    restore,
  }
}

/**
 * What is typed or piped into this process, until `signal` aborts: then the process may end although nobody closed its
 * input.
 */
export async function* standardInput(stdin: NodeJS.ReadStream, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const chunks: Uint8Array[] = []
  let isOver = false
  let wake = (): void => {}
  const take = (chunk: Uint8Array | string): void => {
    chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
    // Read on when this chunk is taken.
    stdin.pause()
    wake()
  }
  const end = (): void => {
    isOver = true
    wake()
  }
  stdin.on('data', take)
  stdin.once('end', end)
  stdin.once('error', end)
  signal.addEventListener('abort', end, { once: true })
  if (signal.aborted) end()
  try {
    while (!signal.aborted) {
      const chunk = chunks.shift()
      if (chunk !== undefined) yield chunk
      else if (isOver) return
      else {
        stdin.resume()
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
    }
  } finally {
    stdin.off('data', take)
    stdin.off('end', end)
    stdin.off('error', end)
    signal.removeEventListener('abort', end)
    stdin.pause()
    if ('unref' in stdin && typeof stdin.unref === 'function') stdin.unref()
  }
}
