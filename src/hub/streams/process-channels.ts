import type { Duplex } from 'node:stream'
import type { Clock } from '../../lib/clock.ts'
import type { StreamResult } from '../../wire/side-channel/requests.ts'
import type { RemoteProcess } from '../ports.ts'
import type { HttpRequest } from '../rest/door.ts'
import { acceptWebSocket, offeredProtocols } from './accept-websocket.ts'
import { type ChannelSocket, channelSocket, chooseChannels } from './channel-socket.ts'
import type { ProcessClient } from './process-client.ts'
import { processStatus } from './process-status.ts'
import { type SessionEnd, serveProcess } from './serve-process.ts'

/** k8s: the channels of exec and attach. */
const channels = { stdin: 0, stdout: 1, stderr: 2, status: 3, size: 4 } as const

/**
 * Serves a process to a client that asked for a WebSocket with `v5.channel.k8s.io` or `v4.channel.k8s.io`, as
 * Kubernetes serves exec and attach. `open` is called when the client's protocol is known to be ours, so a fault of it
 * becomes the answer's status. Resolves when the session is over; what it moved is told for the audit.
 *
 * @throws Fault before the upgrade is answered: of `open`, or BadRequest when no protocol suits
 * @example await processChannels({ request, socket, head, clock, open: () => streams.exec(pod, 'web', wish, signal) })
 */
export const processChannels = async (of: {
  readonly request: Pick<HttpRequest, 'method' | 'path' | 'headers'>
  readonly socket: Duplex
  readonly head: Buffer
  readonly open: () => Promise<RemoteProcess>
  /** Called when the client has been told that it is upgraded. */
  readonly accepted?: () => void
  readonly clock: Clock
}): Promise<SessionEnd> => {
  const { request, socket, head, clock } = of
  const protocol = chooseChannels(offeredProtocols(request.headers))
  const process = await of.open()
  try {
    // Not the choice itself where nothing was offered: then there is none to tell.
    const told = offeredProtocols(request.headers).length === 0 ? undefined : protocol
    const ws = acceptWebSocket(request, socket, head, told)
    const client = channelSocket({ socket: ws, protocol, channels: [channels.stdin, channels.size], clock })
    of.accepted?.()
    // k8s: an empty message tells the client that the session has begun.
    await client.send(channels.stdout, Buffer.alloc(0))
    return await serveProcess(channelClient(client), process, { clock })
  } finally {
    process.close('its session is over')
  }
}

const channelClient = (socket: ChannelSocket): ProcessClient => ({
  stdin: socket.from(channels.stdin),
  sizes: socket.from(channels.size),
  stdout: bytes => socket.send(channels.stdout, bytes),
  stderr: bytes => socket.send(channels.stderr, bytes),
  async finish(result) {
    const word = lastWord(socket, result)
    if (word !== '') await socket.send(channels.status, Buffer.from(word))
    await socket.close()
  },
  fail: socket.fail,
  signal: socket.signal,
})

/** From v4 on a Status; before, a text where something went wrong. */
const lastWord = (socket: ChannelSocket, result: StreamResult): string => {
  const status = processStatus(result)
  if (socket.protocol !== 'channel.k8s.io') return JSON.stringify(status)
  return 'message' in status ? status.message : ''
}
