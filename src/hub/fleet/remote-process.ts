import { describeError, isFault } from '../../api/fault.ts'
import type { StreamRequests, StreamResult } from '../../wire/side-channel/requests.ts'
import type { OpenedStream } from '../../wire/side-channel/streams.ts'
import type { ProcessRequest, RemoteProcess } from '../ports.ts'
import type { StreamOpener } from './node-sessions.ts'

/** Streams whose requests start a process, or attach to one. */
type ProcessStream = {
  [Type in keyof StreamRequests]: StreamRequests[Type] extends ProcessRequest ? Type : never
}[keyof StreamRequests]

/**
 * A process on a node over one session: its stream, and one of its own for standard error. Resolves when it runs.
 * The end of `signal` closes it.
 *
 * @throws Fault of the node: NotFound, Conflict, …; Unavailable when the session ended
 * @example const shell = await remoteProcess({ session: await sessions.session(node), type: 'exec', request, signal })
 */
export const remoteProcess = async <Type extends ProcessStream>(of: {
  readonly session: StreamOpener
  readonly type: Type
  readonly request: StreamRequests[Type] & ProcessRequest
  readonly signal: AbortSignal
}): Promise<RemoteProcess> => {
  const { session, request, signal } = of
  signal.throwIfAborted()
  const main = session.open(of.type, request)
  const errors = request.stderr && !request.tty ? openErrors(session, main) : undefined
  const close = (why: string): void => {
    main.reset(why)
    errors?.reset(why)
  }
  whileStreaming(main, signal, close)
  if (!request.stdin) main.end()
  try {
    await main.accepted
  } catch (error) {
    close('it did not start')
    throw error
  }
  return {
    stdin: { write: bytes => main.write(bytes), end: () => main.end() },
    stdout: main.incoming,
    stderr: errors?.incoming ?? nothing,
    resize({ columns, rows }) {
      // Terminals that do not know their size say 0.
      if (isLength(columns) && isLength(rows)) main.update({ columns, rows })
    },
    result: main.result.catch(noResult),
    close,
  }
}

/** @throws what `open` throws; the process's own stream is given up then */
const openErrors = (session: StreamOpener, main: OpenedStream): OpenedStream => {
  try {
    return session.open('stderr', { of: main.id })
  } catch (error) {
    main.reset('its standard error has no stream')
    throw error
  }
}

/** Gives the stream up when the signal aborts, and forgets the signal when the stream is over. */
export const whileStreaming = (stream: OpenedStream, signal: AbortSignal, close: (why: string) => void): void => {
  const abort = (): void => close('whoever asked for it is gone')
  signal.addEventListener('abort', abort, { once: true })
  stream.signal.addEventListener('abort', () => signal.removeEventListener('abort', abort), { once: true })
  if (signal.aborted) abort()
}

const isLength = (value: number): boolean => Number.isInteger(value) && value >= 1 && value <= 10_000

const noResult = (error: unknown): StreamResult => ({
  error: { reason: isFault(error) ? error.reason : 'Internal', message: describeError(error).slice(0, 4096) },
})

const nothing: AsyncIterable<Uint8Array> = { async *[Symbol.asyncIterator]() {} }
