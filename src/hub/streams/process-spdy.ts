import type { Duplex } from 'node:stream'
import { describeError, Fault } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import type { ProcessRequest, RemoteProcess } from '../ports.ts'
import type { HttpRequest } from '../rest/door.ts'
import type { ProcessClient } from './process-client.ts'
import { processStatus } from './process-status.ts'
import { type SessionEnd, serveProcess } from './serve-process.ts'
import { acceptSpdy, chooseStreams } from './spdy/accept.ts'
import { type SpdySession, type SpdyStream, spdySession } from './spdy/session.ts'
import { socketWire } from './wire.ts'

/** k8s: over SPDY both mean the same: each end of a stream can be told anyway. */
const protocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io']

/** k8s: kubelet's StreamCreationTimeout. */
const creationMs = 30_000

/** So long a client has to read the end, and to hang up. */
const readingMs = 600_000

type StreamType = 'error' | 'stdin' | 'stdout' | 'stderr' | 'resize'

/**
 * Serves a process to a client that asked for SPDY/3.1: a stream for each of error, stdin, stdout, stderr and resize
 * that the request implies; the process begins to be heard when all are there.
 *
 * @throws Fault before the upgrade is answered: of `open`, or BadRequest when no protocol suits
 */
export const processSpdy = async (of: {
  readonly request: Pick<HttpRequest, 'headers'>
  readonly wish: ProcessRequest
  readonly socket: Duplex
  readonly head: Buffer
  readonly open: () => Promise<RemoteProcess>
  readonly accepted: () => void
  readonly clock: Clock
}): Promise<SessionEnd> => {
  const { socket, head, clock, wish } = of
  const protocol = chooseStreams(of.request.headers, protocols)
  const process = await of.open()
  try {
    acceptSpdy(socket, protocol)
    of.accepted()
    const wanted = streamTypes(wish)
    const streams = new Map<StreamType, SpdyStream>()
    const complete = Promise.withResolvers<void>()
    const session = spdySession({
      wire: socketWire(socket, head, clock),
      onStream(stream) {
        const type = wanted.find(one => one === stream.headers.get('streamtype'))
        if (type === undefined || streams.has(type)) throw unexpected(stream, wanted)
        streams.set(type, stream)
        if (streams.size === wanted.length) complete.resolve()
      },
    })
    session.signal.addEventListener('abort', () => complete.resolve())
    const cancel = clock.after(creationMs, () =>
      session.fail(new Fault('Timeout', `the client did not open its streams within ${creationMs / 1000} s`)),
    )
    await complete.promise
    cancel()
    if (session.signal.aborted) return { received: 0, sent: 0, why: describeError(session.signal.reason) }
    return await serveProcess(spdyClient(session, streams, clock), process, { clock })
  } finally {
    process.close('its session is over')
  }
}

const streamTypes = ({ stdin, stdout, stderr, tty }: ProcessRequest): readonly StreamType[] => [
  'error',
  ...(stdin ? (['stdin'] as const) : []),
  ...(stdout ? (['stdout'] as const) : []),
  ...(stderr ? (['stderr'] as const) : []),
  ...(tty ? (['resize'] as const) : []),
]

const unexpected = (stream: SpdyStream, wanted: readonly string[]): Fault =>
  new Fault(
    'BadRequest',
    `a stream of type ${JSON.stringify((stream.headers.get('streamtype') ?? '').slice(0, 40))}: expected are ${wanted.join(', ')}, each once`,
  )

const nothing: AsyncIterable<Uint8Array> = { async *[Symbol.asyncIterator]() {} }

const spdyClient = (
  session: SpdySession,
  streams: ReadonlyMap<StreamType, SpdyStream>,
  clock: Clock,
): ProcessClient => ({
  stdin: streams.get('stdin')?.incoming ?? nothing,
  sizes: streams.get('resize')?.incoming ?? nothing,
  stdout: async bytes => await streams.get('stdout')?.write(bytes),
  stderr: async bytes => await streams.get('stderr')?.write(bytes),
  async finish(result) {
    await streams.get('error')?.write(Buffer.from(JSON.stringify(processStatus(result))))
    for (const stream of streams.values()) stream.end()
    session.close()
    const cancel = clock.after(readingMs, () =>
      session.fail(new Fault('Timeout', 'the client did not read to the end')),
    )
    await session.done
    cancel()
  },
  fail: session.fail,
  signal: session.signal,
})
