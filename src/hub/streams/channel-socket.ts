import type { WebSocket } from 'ws'
import { Fault } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import { faultFrom } from '../rest/status-object.ts'
import { type Inbox, inboxes } from './inbox.ts'
import { closeReason } from './wire.ts'

/*
 *   one WebSocket message = channel (1 byte) | bytes
 *   v5 only: 255 | channel = the sender is done with that channel
 */

/** k8s: remotecommand's protocols over WebSocket, the best first; without one the oldest is meant. */
export const channelProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'channel.k8s.io'] as const
export type ChannelProtocol = (typeof channelProtocols)[number]

/** Of what all channels brought and nobody took; then the client is not read from any more until half is gone. */
const mostHeldBytes = 256 * 1024

/** A client that does not answer a close is left so long. */
const closingMs = 2000

/** So long a client has to read what the kernel still holds for it, when all was written. */
const readingMs = 600_000

const closeChannel = 255

/** A WebSocket that carries several ways of bytes. */
export interface ChannelSocket {
  readonly protocol: ChannelProtocol
  /** What the client sends on this channel. Ends when the client closes it; fails when the client goes. */
  from(channel: number): AsyncIterable<Uint8Array>
  /** Resolves when the message was handed to the network: so a slow client slows the sender. @throws Fault Unavailable */
  send(channel: number, bytes: Uint8Array): Promise<void>
  /** Says that no more comes on this channel, where the protocol can say it. */
  end(channel: number): Promise<void>
  /** Aborts when the client has gone or broke the rules. Its reason is a Fault that says what happened. */
  readonly signal: AbortSignal
  /** Takes no more of what the client sends on this channel: `from` ends. */
  leave(channel: number): void
  /** All went well: 1000. */
  close(): Promise<void>
  /** Ends it with the reason: 1008, or 1011 where the mistake is ours. */
  fail(fault: Fault): void
}

/**
 * The first of our protocols that the client offers.
 *
 * @throws Fault BadRequest where there is none: the client then falls back (kubectl: to SPDY)
 */
export const chooseChannels = (offered: readonly string[]): ChannelProtocol => {
  if (offered.length === 0) return 'channel.k8s.io'
  const chosen = channelProtocols.find(one => offered.includes(one))
  if (chosen !== undefined) return chosen
  throw new Fault(
    'BadRequest',
    `unable to negotiate protocol: client supports [${offered.join(' ').slice(0, 500)}], server accepts [${channelProtocols.join(' ')}]`,
  )
}

/** `channels`: those on which the client may send; a message on another ends the connection. */
export const channelSocket = (of: {
  readonly socket: WebSocket
  readonly protocol: ChannelProtocol
  readonly channels: readonly number[]
  readonly clock: Clock
}): ChannelSocket => {
  const { socket, protocol } = of
  const gone = new AbortController()
  const boxes = inboxes({ mostBytes: mostHeldBytes, full: () => socket.pause(), room: () => socket.resume() })
  const byChannel = new Map<number, Inbox>(of.channels.map(channel => [channel, boxes.open()]))

  let isOver = false

  const isGone = (fault: Fault): void => {
    isOver = true
    if (gone.signal.aborted) return
    gone.abort(fault)
    for (const box of byChannel.values()) box.end(fault)
  }

  const hangUp = (code: number, why: string, patienceMs: number): void => {
    isOver = true
    // Who has hung up already is not waited for: nothing would end the waiting.
    if (socket.readyState === socket.CLOSED) return
    socket.close(code, closeReason(why))
    // A close frame that waits behind a pause would never be seen.
    socket.resume()
    const cancel = of.clock.after(patienceMs, () => socket.terminate())
    socket.once('close', cancel)
  }

  const fail = (fault: Fault): void => {
    if (gone.signal.aborted) return
    isGone(fault)
    hangUp(fault.status >= 500 ? 1011 : 1008, fault.message, closingMs)
  }

  const boxOf = (channel: number): Inbox => {
    const box = byChannel.get(channel)
    if (box !== undefined) return box
    throw new Fault(
      'Malformed',
      `channel ${channel} takes nothing from a client: it may send on ${of.channels.join(', ')}`,
    )
  }

  const take = (bytes: Buffer): void => {
    const [channel] = bytes
    // k8s: an empty message is nothing.
    if (channel === undefined) return
    if (channel !== closeChannel || protocol !== 'v5.channel.k8s.io') boxOf(channel).push(bytes.subarray(1))
    else if (bytes.length === 2) boxOf(bytes.readUInt8(1)).end()
    else throw new Fault('Malformed', `the close of a channel has 2 bytes, not ${bytes.length}`)
  }

  socket.on('message', (data: Buffer | ArrayBuffer | Buffer[]) => {
    if (isOver) return
    try {
      // Texts count as bytes: Python's client sends texts as such.
      if (Buffer.isBuffer(data)) take(data)
    } catch (error) {
      fail(faultFrom(error))
    }
  })
  socket.on('close', (code: number) => isGone(new Fault('Unavailable', `the client has gone (WebSocket ${code})`)))
  socket.on('error', (error: Error) =>
    isGone(new Fault('Malformed', `the client's connection failed: ${error.message}`)),
  )

  const send = (message: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      if (socket.readyState !== socket.OPEN) {
        reject(new Fault('Unavailable', 'the client has gone'))
        return
      }
      socket.send(message, { binary: true, compress: false }, error => {
        if (error == null) resolve()
        else reject(new Fault('Unavailable', `the client has gone: ${error.message}`, {}, error))
      })
    })

  return {
    protocol,
    signal: gone.signal,
    from: boxOf,
    send: (channel, bytes) => send(Buffer.concat([Buffer.from([channel]), bytes])),
    async end(channel) {
      if (protocol === 'v5.channel.k8s.io') await send(Buffer.from([closeChannel, channel]))
    },
    leave: channel => boxOf(channel).end(),
    async close() {
      if (socket.readyState === socket.CLOSED) return
      const closed = new Promise<void>(resolve => socket.once('close', () => resolve()))
      hangUp(1000, '', readingMs)
      await closed
    },
    fail,
  }
}
