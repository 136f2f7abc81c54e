import { Fault } from '../../src/api/fault.ts'
import type { ByteStream, RemoteProcess, TerminalSize } from '../../src/hub/ports.ts'
import type { StreamResult } from '../../src/wire/side-channel/requests.ts'

/** Bytes handed over one chunk at a time: who writes waits until it was taken, as on a connection without any buffer. */
export interface Pipe extends AsyncIterable<Uint8Array> {
  write(bytes: Uint8Array | string): Promise<void>
  end(error?: Error): void
  /** Chunks that wait for their reader. */
  readonly waiting: number
  readonly isOver: boolean
}

export const pipe = (): Pipe => {
  const chunks: { readonly bytes: Uint8Array; readonly taken: (error?: Error) => void }[] = []
  let ended: { readonly error: Error | undefined } | undefined
  let isLeft = false
  let wake = (): void => {}
  const gone = (): Error => ended?.error ?? new Fault('Unavailable', 'nobody reads any more')
  return {
    get waiting() {
      return chunks.length
    },
    get isOver() {
      return ended !== undefined || isLeft
    },
    write(bytes) {
      if (ended !== undefined || isLeft) return Promise.reject(gone())
      return new Promise((resolve, reject) => {
        chunks.push({ bytes: Buffer.from(bytes), taken: error => (error === undefined ? resolve() : reject(error)) })
        wake()
      })
    },
    end(error) {
      ended ??= { error }
      if (error !== undefined) for (const { taken } of chunks.splice(0)) taken(error)
      wake()
    },
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          const chunk = chunks.shift()
          if (chunk !== undefined) {
            chunk.taken()
            yield chunk.bytes
          } else if (ended?.error !== undefined) throw ended.error
          else if (ended !== undefined) return
          else
            await new Promise<void>(resolve => {
              wake = resolve
            })
        }
      } finally {
        isLeft = true
        for (const { taken } of chunks.splice(0)) taken(gone())
      }
    },
  }
}

/** A process that does what a test tells it to. */
export interface FakeProcess {
  readonly process: RemoteProcess
  readonly stdin: Pipe
  readonly stdout: Pipe
  readonly stderr: Pipe
  readonly sizes: TerminalSize[]
  /** Ends its output, then itself. */
  exit(result: StreamResult): void
  /** Why it was closed; undefined while it was not. */
  readonly closed: string | undefined
}

export const fakeProcess = (): FakeProcess => {
  const [stdin, stdout, stderr] = [pipe(), pipe(), pipe()]
  const sizes: TerminalSize[] = []
  const ended = Promise.withResolvers<StreamResult>()
  let closed: string | undefined
  const endOutput = (): void => {
    stdout.end()
    stderr.end()
    stdin.end(new Error('the process has ended'))
  }
  return {
    stdin,
    stdout,
    stderr,
    sizes,
    get closed() {
      return closed
    },
    exit(result) {
      endOutput()
      ended.resolve(result)
    },
    process: {
      stdin: { write: bytes => stdin.write(bytes), end: () => stdin.end() },
      stdout,
      stderr,
      resize: size => void sizes.push(size),
      result: ended.promise,
      close(why) {
        closed ??= why
        endOutput()
        ended.resolve({ error: { reason: 'Unavailable', message: why } })
      },
    },
  }
}

/** Both ends of a connection. */
export const byteStreams = (): { readonly here: ByteStream; readonly there: ByteStream } => {
  const [up, down] = [pipe(), pipe()]
  const end = (incoming: Pipe, outgoing: Pipe): ByteStream => ({
    incoming,
    write: bytes => outgoing.write(bytes),
    end: () => outgoing.end(),
    reset(why) {
      const error = new Fault('Unavailable', why)
      outgoing.end(error)
      incoming.end(error)
    },
  })
  return { here: end(down, up), there: end(up, down) }
}
