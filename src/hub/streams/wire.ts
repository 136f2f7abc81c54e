import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { describeError, Fault } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import type { ByteStream } from '../ports.ts'
import { inboxes } from './inbox.ts'

/** A client's connection as bytes and no more. */
export interface Wire extends ByteStream {
  /** Aborts when the client has gone; the reason is a Fault. */
  readonly signal: AbortSignal
}

/** Of what came and nobody took; then the client is not read from until half is gone. */
const mostHeldBytes = 128 * 1024

/** A client that was hung up on is left so long to hang up, too. */
const closingMs = 2000

/** So long a client has to read what the kernel still holds for it, when all was written. */
const readingMs = 600_000

/** How bytes are sent: as they are, or each message as a text of its own, which scripts in a browser prefer. */
export type WireForm = 'binary' | 'base64'

/** The bytes of a WebSocket's messages: where one ends and the next begins means nothing. */
export const webSocketWire = (socket: WebSocket, clock: Clock, form: WireForm = 'binary'): Wire => {
  const gone = new AbortController()
  const boxes = inboxes({ mostBytes: mostHeldBytes, full: () => socket.pause(), room: () => socket.resume() })
  const box = boxes.open()
  let isOver = false
  const isGone = (fault: Fault): void => {
    isOver = true
    if (gone.signal.aborted) return
    gone.abort(fault)
    box.end(fault)
  }
  const hangUp = (code: number, why: string, patienceMs: number): void => {
    isOver = true
    // Who has hung up already is not waited for: nothing would end the waiting.
    if (socket.readyState === socket.CLOSED) return
    socket.close(code, closeReason(why))
    // Its answer would not be seen behind a pause.
    socket.resume()
    const cancel = clock.after(patienceMs, () => socket.terminate())
    socket.once('close', cancel)
  }
  socket.on('message', (data: Buffer | ArrayBuffer | Buffer[]) => {
    if (!isOver && Buffer.isBuffer(data)) box.push(data)
  })
  socket.on('close', (code: number) => isGone(clientGone(`WebSocket ${code}`)))
  socket.on('error', (error: Error) => isGone(clientGone(error.message)))
  return {
    incoming: box,
    signal: gone.signal,
    write: bytes =>
      new Promise((resolve, reject) => {
        if (socket.readyState !== socket.OPEN) {
          reject(clientGone('closed'))
          return
        }
        const sent = form === 'binary' ? bytes : Buffer.from(bytes).toString('base64')
        socket.send(sent, { binary: form === 'binary', compress: false }, error =>
          error == null ? resolve() : reject(clientGone(error.message)),
        )
      }),
    end: () => hangUp(1000, '', readingMs),
    reset: why => hangUp(1008, why, closingMs),
  }
}

/** As much of a reason as a close frame holds (RFC 6455, 5.5: 125 bytes with its code). */
export const closeReason = (why: string): string => {
  let reason = why.slice(0, 120)
  while (Buffer.byteLength(reason) > 120) reason = reason.slice(0, -1)
  return reason
}

/** A connection that was taken over from HTTP. `head`: what came behind the request already. */
export const socketWire = (socket: Duplex, head: Buffer, clock: Clock): Wire => {
  const gone = new AbortController()
  const isGone = (why: string): void => {
    if (!gone.signal.aborted) gone.abort(clientGone(why))
  }
  socket.once('close', () => isGone('closed'))
  socket.on('error', error => isGone(error.message))
  if (head.length > 0) socket.unshift(head)
  const hangUp = (patienceMs: number): void => {
    // As above.
    if (socket.destroyed) return
    socket.end()
    const cancel = clock.after(patienceMs, () => socket.destroy())
    socket.once('close', cancel)
  }
  return {
    incoming: chunksOf(socket, isGone),
    signal: gone.signal,
    write: bytes =>
      new Promise((resolve, reject) => {
        if (!socket.writable) {
          reject(clientGone('closed'))
          return
        }
        socket.write(bytes, error => (error == null ? resolve() : reject(clientGone(error.message))))
      }),
    end: () => hangUp(readingMs),
    reset: () => hangUp(closingMs),
  }
}

async function* chunksOf(socket: Duplex, isGone: (why: string) => void): AsyncGenerator<Uint8Array> {
  try {
    // A reader that leaves has not hung up.
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) yield chunk
  } catch (error) {
    isGone(describeError(error))
    throw clientGone(describeError(error))
  }
  isGone('hung up')
}

const clientGone = (why: string): Fault => new Fault('Unavailable', `the client has gone (${why})`)
