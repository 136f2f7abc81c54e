import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'
import { Fault } from '../../api/fault.ts'
import { faultOf, unreachable } from '../kube-client.ts'
import type { KubeContext } from '../kubeconfig.ts'

/*
 *   a message = channel (1 byte) | bytes          0 stdin, 1 stdout, 2 stderr, 3 status, 4 resize
 *   255 | channel                                 no more comes on that channel (v5.channel.k8s.io)
 */

export interface ChannelMessage {
  readonly channel: number
  readonly bytes: Uint8Array
}

/** Numbered channels of bytes over one WebSocket, as Kubernetes has them for exec, attach and port-forward. */
export interface ChannelSocket {
  /** Of the answer to the upgrade. */
  readonly headers: IncomingHttpHeaders
  /** Resolves when the network has taken it. @throws Fault Unavailable when the connection is gone */
  send(channel: number, bytes: Uint8Array): Promise<void>
  /** No more is sent on that channel. */
  end(channel: number): Promise<void>
  /** One reader. Ends when the hub closes the connection; throws a Fault where it breaks. */
  readonly messages: AsyncIterable<ChannelMessage>
  close(): void
}

const closingByte = 255
const mostMessageBytes = 1024 * 1024
/** What may wait here for its reader; above it the connection is not read any more. */
const mostWaitingBytes = 1024 * 1024
const mostRefusalBytes = 1024 * 1024

/**
 * Opens a connection of channels to the hub.
 *
 * @throws Fault as the hub refuses; Unavailable when it cannot be reached
 * @example const socket = await openChannels(kube.context, path, [['command', 'ls'], ['stdout', 'true']], signal)
 */
export const openChannels = (
  context: KubeContext,
  path: string,
  query: readonly (readonly [string, string])[],
  signal: AbortSignal,
): Promise<ChannelSocket> => {
  const url = new URL(context.server.replace(/^http/, 'ws').replace(/\/$/, '') + path)
  for (const [name, value] of query) url.searchParams.append(name, value)
  const socket = new WebSocket(url, ['v5.channel.k8s.io'], {
    ...(context.ca === undefined ? {} : { ca: context.ca }),
    ...(context.cert === undefined ? {} : { cert: context.cert }),
    ...(context.key === undefined ? {} : { key: context.key }),
    headers: {
      'user-agent': 'dunlin',
      ...(context.token === undefined ? {} : { authorization: `Bearer ${context.token}` }),
    },
    maxPayload: mostMessageBytes,
    perMessageDeflate: false,
    followRedirects: false,
  })
  return new Promise((resolve, reject) => {
    const abort = (): void => socket.terminate()
    signal.addEventListener('abort', abort, { once: true })
    socket.once('close', () => signal.removeEventListener('abort', abort))
    let headers: IncomingHttpHeaders = {}
    socket.once('upgrade', (answer: IncomingMessage) => {
      headers = answer.headers
    })
    socket.once('unexpected-response', (_request, answer: IncomingMessage) => {
      refusal(answer).then(reject, reject)
    })
    socket.on('error', error => reject(unreachable(context.server, error)))
    // At once: the first message may come with the answer to the upgrade.
    const messages = messagesOf(socket)
    socket.once('open', () => resolve(channelSocket(socket, headers, messages)))
    if (signal.aborted) abort()
  })
}

const channelSocket = (
  socket: WebSocket,
  headers: IncomingHttpHeaders,
  messages: AsyncIterable<ChannelMessage>,
): ChannelSocket => {
  const send = (message: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      if (socket.readyState !== WebSocket.OPEN) reject(lost())
      else socket.send(message, { binary: true }, error => (error ? reject(lost(error)) : resolve()))
    })
  return {
    headers,
    send: (channel, bytes) => send(Buffer.concat([Buffer.from([channel]), bytes])),
    end: channel => send(Buffer.from([closingByte, channel])),
    messages,
    close() {
      socket.close(1000)
      // A hub that is gone answers no close.
      setTimeout(() => socket.terminate(), 1000).unref()
    },
  }
}

const lost = (cause?: unknown): Fault => new Fault('Unavailable', 'the connection to the hub was lost', {}, cause)

const messagesOf = (socket: WebSocket): AsyncIterable<ChannelMessage> => {
  const waiting: ChannelMessage[] = []
  let waitingBytes = 0
  let over: { readonly error: unknown } | undefined
  let wake = (): void => {}
  socket.on('message', (message: Buffer | ArrayBuffer | Buffer[]) => {
    const whole = Array.isArray(message) ? Buffer.concat(message) : Buffer.from(new Uint8Array(message))
    const [channel] = whole
    if (channel === undefined) return
    waiting.push({ channel, bytes: whole.subarray(1) })
    waitingBytes += whole.length
    if (waitingBytes > mostWaitingBytes) socket.pause()
    wake()
  })
  const end = (error: unknown): void => {
    over ??= { error }
    wake()
  }
  socket.on('error', error => end(lost(error)))
  socket.on('close', (code: number) => end(code === 1000 ? undefined : lost(new Error(`closed with ${code}`))))
  return {
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const message = waiting.shift()
        if (message !== undefined) {
          waitingBytes -= message.bytes.length + 1
          if (socket.isPaused && waitingBytes <= mostWaitingBytes / 2) socket.resume()
          yield message
        } else if (over !== undefined) {
          if (over.error !== undefined) throw over.error
          return
        } else
          await new Promise<void>(resolve => {
            wake = resolve
          })
      }
    },
  }
}

const refusal = async (answer: IncomingMessage): Promise<Fault> => {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of answer) {
    const bytes = chunk instanceof Buffer ? chunk : Buffer.from(String(chunk))
    length += bytes.length
    if (length > mostRefusalBytes) break
    chunks.push(bytes)
  }
  return faultOf(answer.statusCode ?? 500, Buffer.concat(chunks))
}
