import type { ProcessOptions, RunningProcess } from '../../src/core/pods/running-process.ts'
import { type BoundedStream, boundedStream } from '../../src/lib/bounded-stream.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { settled } from '../../src/lib/settled.ts'

/** A process of the fake runtime that somebody talks to, and what its maker must know of it. */
export interface TinyProcess extends RunningProcess {
  /** It ends with its container. */
  kill(): void
}

type Streams = {
  readonly input: AsyncIterable<Uint8Array>
  readonly output: BoundedStream
  readonly error: BoundedStream
  readonly size: () => { readonly columns: number; readonly rows: number }
  readonly signal: AbortSignal
}

/** A program: resolves with its exit code. */
type Program = (words: readonly string[], of: Streams) => Promise<number>

const mostWaiting = 64 * 1024

/**
 * What `openExec` of the fake runtime starts: `cat`, `echo`, `sleep`, `true`, `false`, `exit`, `stty size`,
 * `wc -c`, `head -c N /dev/zero`, and `sh -c` of such, parted by `;`, with `>&2` and `read LINE` (which waits for one).
 *
 * @example const process = tinyProcess({ tty: false, …, command: ['cat'] }, clock)
 */
export const tinyProcess = (
  request: ProcessOptions & { readonly command: readonly string[] },
  clock: Clock,
  onOutput: (bytes: number) => void = () => {},
): TinyProcess => {
  const stdin = boundedStream(mostWaiting)
  const stdout = counted(boundedStream(mostWaiting), onOutput)
  const stderr = boundedStream(mostWaiting)
  const gone = new AbortController()
  const exit = settled<number>()
  let size = request.size ?? { columns: 80, rows: 24 }
  if (request.tty || !request.stderr) stderr.end()
  if (!request.stdin) stdin.end()

  const end = (code: number): void => {
    gone.abort()
    stdin.end()
    stdout.end()
    stderr.end()
    exit.resolve(code)
  }
  const streams: Streams = {
    input: stdin,
    output: stdout,
    error: request.tty ? stdout : stderr,
    size: () => size,
    signal: gone.signal,
  }
  const programs = programsOf(clock)
  void Promise.race([run(request.command, streams, programs), aborted(gone.signal)]).then(end, () => end(137))

  const process: TinyProcess = {
    stdin: { write: bytes => stdin.push(bytes), end: () => stdin.end() },
    stdout,
    stderr,
    async resize(next) {
      size = next
    },
    exitCode: exit.promise,
    async close() {
      end(137)
    },
    kill: () => end(137),
  }
  return process
}

const counted = (stream: BoundedStream, onOutput: (bytes: number) => void): BoundedStream => ({
  ...stream,
  async push(chunk) {
    onOutput(chunk.length)
    await stream.push(chunk)
  },
})

const aborted = (signal: AbortSignal): Promise<number> =>
  new Promise(resolve => signal.addEventListener('abort', () => resolve(137), { once: true }))

const run = async (
  command: readonly string[],
  of: Streams,
  programs: { readonly [name: string]: Program },
): Promise<number> => {
  const [program = '', ...rest] = command
  if (/(^|\/)sh$/.test(program) && rest[0] === '-c') {
    let code = 0
    for (const part of (rest[1] ?? '').split(';')) {
      const words = part.trim().split(/\s+/)
      if (words[0] === 'exit') return Number(words[1] ?? code)
      code = await run(words, of, programs)
    }
    return code
  }
  const found = programs[program === 'busybox' ? (rest[0] ?? '') : program]
  if (found === undefined) {
    await of.error.push(Buffer.from(`${program}: not found\n`))
    return 127
  }
  return await found(program === 'busybox' ? rest.slice(1) : rest, of)
}

const programsOf = (clock: Clock): { readonly [name: string]: Program } => ({
  true: async () => 0,
  false: async () => 1,
  async sleep([seconds = '0'], { signal }) {
    await new Promise<void>(resolve => {
      const cancel = clock.after(Number(seconds) * 1000, resolve)
      signal.addEventListener('abort', cancel, { once: true })
    })
    return 0
  },
  async echo(words, of) {
    const to = words.includes('>&2') ? of.error : of.output
    await to.push(Buffer.from(`${words.filter(word => word !== '>&2').join(' ')}\n`))
    return 0
  },
  async cat(_words, of) {
    for await (const chunk of of.input) await of.output.push(chunk)
    return 0
  },
  async wc(_words, of) {
    let bytes = 0
    for await (const chunk of of.input) bytes += chunk.length
    await of.output.push(Buffer.from(`${bytes}\n`))
    return 0
  },
  async read(_words, of) {
    for await (const _chunk of of.input) return 0
    return 1
  },
  async head([_flag, count = '0'], of) {
    for (let left = Number(count); left > 0 && !of.signal.aborted; left -= 16_384)
      await of.output.push(Buffer.alloc(Math.min(left, 16_384)))
    return 0
  },
  async stty(_words, of) {
    await of.output.push(Buffer.from(`${of.size().rows} ${of.size().columns}\n`))
    return 0
  },
})
