import { describeError, Fault } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import type { ByteStream } from '../ports.ts'
import { idleWatch } from './idle-watch.ts'
import { joinStreams } from './join-streams.ts'
import type { SessionEnd } from './serve-process.ts'
import { type SpdyStream, spdySession } from './spdy/session.ts'
import type { Wire } from './wire.ts'

/*
 *   a connection at the client = two streams with the same `requestid` and `port`: error, and data
 *   both are there ──> a connection to the port in the pod, joined with data ──> both are ended
 */

/** k8s: the subprotocols of port-forward over SPDY, bare and in a WebSocket. */
export const forwardProtocol = 'portforward.k8s.io'
export const tunnelProtocol = 'SPDY/3.1+portforward.k8s.io'

/** k8s: kubelet's StreamCreationTimeout. */
const creationMs = 30_000

interface Pair {
  error?: SpdyStream
  data?: SpdyStream
  readonly port: number
  readonly cancel: () => void
}

/**
 * Port-forward as kubectl speaks it: any number of connections to any ports, over one SPDY connection. Resolves when
 * the client has gone. Never rejects.
 *
 * @example await forwardSpdy({ wire, open: port => streams.forward(pod, port, signal), whyOver, clock, refused })
 */
export const forwardSpdy = async (of: {
  readonly wire: Wire
  readonly open: (port: number) => Promise<ByteStream>
  /** Why nothing can be forwarded any more; undefined while a later connection may succeed. */
  readonly whyOver: () => string | undefined
  /** A connection that could not be made: kubectl is not told why. */
  readonly refused: (port: number, why: string) => void
  readonly clock: Clock
}): Promise<SessionEnd> => {
  const { clock } = of
  const pairs = new Map<string, Pair>()
  const moved = { received: 0, sent: 0 }
  const running = new Set<Promise<void>>()

  const session = spdySession({
    wire: of.wire,
    onStream(stream) {
      const { id, pair } = pairOf(stream)
      if (pair.error === undefined || pair.data === undefined) return
      pairs.delete(id)
      pair.cancel()
      const one: Promise<void> = forward(pair.port, pair.error, pair.data).finally(() => running.delete(one))
      running.add(one)
    },
  })
  const idle = idleWatch(clock, session.fail)

  const pairOf = (stream: SpdyStream): { readonly id: string; readonly pair: Pair } => {
    const type = stream.headers.get('streamtype')
    if (type !== 'error' && type !== 'data')
      throw new Fault('BadRequest', `a stream of type ${JSON.stringify((type ?? '').slice(0, 40))}: error and data are`)
    const port = portOf(stream)
    // k8s: clients that give no id open data right after error.
    const id = stream.headers.get('requestid') ?? String(type === 'error' ? stream.id : stream.id - 2)
    const pair = pairs.get(id) ?? { port, cancel: clock.after(creationMs, () => giveUp(id)) }
    if (pair[type] !== undefined || pair.port !== port)
      throw new Fault('BadRequest', `request ${id.slice(0, 40)} has a stream of type ${type} already, or another port`)
    pair[type] = stream
    pairs.set(id, pair)
    return { id, pair }
  }

  const giveUp = (id: string): void => {
    const pair = pairs.get(id)
    pairs.delete(id)
    for (const stream of [pair?.error, pair?.data]) stream?.reset('its other half did not come')
  }

  const forward = async (port: number, error: SpdyStream, data: SpdyStream): Promise<void> => {
    // kubectl says nothing there.
    void drain(error)
    try {
      const pod = await of.open(port)
      await joinStreams(data, pod, (way, bytes) => {
        idle.moved()
        moved[way] += bytes
      })
    } catch (fault) {
      const why = describeError(fault)
      const over = of.whyOver()
      // A text here ends kubectl's whole session. A port where nobody listens yet only ends this connection.
      if (over === undefined) of.refused(port, why)
      else await error.write(Buffer.from(over)).catch(() => undefined)
      data.end()
      void drain(data)
    }
    error.end()
  }

  await session.done
  idle.stop()
  for (const { cancel } of pairs.values()) cancel()
  await Promise.all(running)
  return { ...moved, why: describeError(session.signal.reason) }
}

const portOf = (stream: SpdyStream): number => {
  const text = stream.headers.get('port') ?? ''
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port
  throw new Fault(
    'BadRequest',
    `port: Invalid value: ${JSON.stringify(text.slice(0, 20))}: must be between 1 and 65535`,
  )
}

/** Reads and drops, so that what nobody wants holds up nothing. */
const drain = async ({ incoming }: SpdyStream): Promise<void> => {
  const chunks = incoming[Symbol.asyncIterator]()
  await chunks.return?.()
}
