import { describeError } from '../../api/fault.ts'
import type { StreamResult } from '../../wire/side-channel/requests.ts'
import type { ByteStream, RemoteProcess } from '../ports.ts'
import type { Session } from './live-sessions.ts'

/**
 * Runs `open` within a session, which ends with the failure where there is one, and at the latest when whoever asked for
 * it is gone.
 */
export const within = async <T>(session: Session, signal: AbortSignal, open: (signal: AbortSignal) => Promise<T>) => {
  signal.addEventListener('abort', () => session.end('whoever asked for it is gone'), { once: true })
  try {
    return await open(AbortSignal.any([signal, session.signal]))
  } catch (error) {
    session.end(describeError(session.signal.aborted ? session.signal.reason : error))
    throw session.signal.aborted ? session.signal.reason : error
  }
}

/** The process, its bytes counted; the session ends as it does. */
export const watchedProcess = (process: RemoteProcess, session: Session): RemoteProcess => {
  let closed: string | undefined
  const result = process.result.then((found): StreamResult => {
    const ended = endedBy(session) ?? found
    session.end(closed ?? outcomeOf(ended))
    return ended
  })
  return {
    stdin: {
      async write(bytes) {
        await process.stdin.write(bytes)
        session.toNode(bytes.length)
      },
      end: () => process.stdin.end(),
    },
    stdout: counted(process.stdout, session),
    stderr: counted(process.stderr, session),
    resize: size => process.resize(size),
    result,
    close(why) {
      closed ??= why
      process.close(why)
    },
  }
}

/** The connection, its bytes counted; the session ends when both ways have. */
export const watchedBytes = (stream: ByteStream, session: Session): ByteStream => {
  let hasEnded = false
  let hasRead = false
  const settle = (): void => {
    if (hasEnded && hasRead) session.end('closed')
  }
  return {
    incoming: counted(stream.incoming, session, outcome => {
      hasRead = true
      if (outcome === undefined) settle()
      else session.end(outcome)
    }),
    async write(bytes) {
      await stream.write(bytes)
      session.toNode(bytes.length)
    },
    end() {
      stream.end()
      hasEnded = true
      settle()
    },
    reset(why) {
      stream.reset(why)
      session.end(why)
    },
  }
}

/** What only comes, e.g. a log; the session ends with it. */
export const watchedOutput = (chunks: AsyncIterable<Uint8Array>, session: Session): AsyncIterable<Uint8Array> =>
  counted(chunks, session, outcome => session.end(outcome ?? 'all was read'))

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  session: Session,
  over: (outcome?: string) => void = () => {},
): AsyncIterable<Uint8Array> {
  let outcome: string | undefined = 'its reader left'
  try {
    for await (const chunk of chunks) {
      session.fromNode(chunk.length)
      yield chunk
    }
    outcome = undefined
  } catch (error) {
    const reason: unknown = session.signal.aborted ? session.signal.reason : error
    outcome = describeError(reason)
    throw reason
  } finally {
    over(outcome)
  }
}

const endedBy = ({ endedFor }: Session): StreamResult | undefined =>
  endedFor === undefined ? undefined : { error: { reason: endedFor.reason, message: endedFor.message } }

const outcomeOf = (result: StreamResult): string => result.error?.message ?? `exit code ${result.exitCode ?? 0}`
