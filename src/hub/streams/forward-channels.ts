import { describeError, Fault } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import type { ByteStream } from '../ports.ts'
import type { UpgradeRequest } from '../rest/api-request.ts'
import type { HttpRequest } from '../rest/door.ts'
import { acceptWebSocket, offeredProtocols } from './accept-websocket.ts'
import { type ChannelSocket, channelSocket, chooseChannels } from './channel-socket.ts'
import { idleWatch } from './idle-watch.ts'
import { joinStreams } from './join-streams.ts'
import type { SessionEnd } from './serve-process.ts'

/*
 *   port i: channel 2i carries its bytes, channel 2i+1 its error; the first message on each is the port, two bytes,
 *   the low one first
 */

/** More than a client needs, fewer than channels have numbers. */
const mostPorts = 32

/**
 * The ports of `?ports=80,81` or `?ports=80&ports=81`.
 *
 * @throws Fault BadRequest
 */
export const portsOf = (query: URLSearchParams): readonly number[] => {
  const words = query.getAll('ports').flatMap(one => one.split(','))
  if (words.length > mostPorts)
    throw new Fault('BadRequest', `ports: ${words.length} of them, at most ${mostPorts} are forwarded at once`)
  return words.map(word => {
    const port = Number(word)
    if (/^\d{1,5}$/.test(word) && port >= 1 && port <= 65_535) return port
    throw new Fault(
      'BadRequest',
      `ports: Invalid value: ${JSON.stringify(word.slice(0, 20))}: must be between 1 and 65535`,
    )
  })
}

/**
 * Port-forward as the clients of Python and JavaScript speak it: one TCP connection for each port, in channels.
 *
 * @throws Fault before the upgrade is answered
 */
export const forwardChannels = async (
  of: Pick<UpgradeRequest, 'socket' | 'head' | 'accepted'> & {
    readonly http: Pick<HttpRequest, 'method' | 'path' | 'headers'>
    readonly ports: readonly number[]
    readonly open: (port: number) => Promise<ByteStream>
    readonly clock: Clock
  },
): Promise<SessionEnd> => {
  const { http, ports, clock } = of
  const offered = offeredProtocols(http.headers)
  const protocol = chooseChannels(offered)
  const ws = acceptWebSocket(http, of.socket, of.head, offered.length === 0 ? undefined : protocol)
  const channels = ports.flatMap((_port, index) => [2 * index, 2 * index + 1])
  const client = channelSocket({ socket: ws, protocol, channels, clock })
  of.accepted()
  const moved = { received: 0, sent: 0 }
  const idle = idleWatch(clock, client.fail)
  const count = (way: 'received' | 'sent', bytes: number): void => {
    idle.moved()
    moved[way] += bytes
  }
  const broken = await Promise.all(ports.map((port, index) => forwardPort(client, index, port, of.open, count)))
  idle.stop()
  const why = client.signal.aborted
    ? describeError(client.signal.reason)
    : (broken.find(one => one !== undefined) ?? 'closed')
  if (!client.signal.aborted) await client.close()
  return { ...moved, why }
}

const forwardPort = async (
  client: ChannelSocket,
  index: number,
  port: number,
  open: (port: number) => Promise<ByteStream>,
  count: (way: 'received' | 'sent', bytes: number) => void,
): Promise<string | undefined> => {
  const [data, error] = [2 * index, 2 * index + 1]
  try {
    const name = Buffer.alloc(2)
    name.writeUInt16LE(port)
    await client.send(data, name)
    await client.send(error, name)
    const pod = await open(port)
    const gone = (): void => pod.reset('the client has gone')
    if (client.signal.aborted) gone()
    client.signal.addEventListener('abort', gone, { once: true })
    // Without a word for the end of one way, the end of the pod's is the end of both.
    const end = async (): Promise<void> => {
      if (client.protocol === 'v5.channel.k8s.io') await client.end(data)
      else client.leave(data)
    }
    const from = {
      incoming: client.from(data),
      write: (bytes: Uint8Array) => client.send(data, bytes),
      end,
      reset: () => {},
    }
    const broke = await joinStreams(from, pod, count)
    client.signal.removeEventListener('abort', gone)
    return broke
  } catch (fault) {
    const why = describeError(fault)
    // k8s: a text on the error channel is the end of this port.
    if (!client.signal.aborted) await client.send(error, Buffer.from(why)).catch(() => undefined)
    return why
  }
}
