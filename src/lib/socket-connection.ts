import type { Duplex } from 'node:stream'
import type { ByteConnection } from './byte-connection.ts'

/**
 * A socket whose two ways end each by itself: it must have been made with `allowHalfOpen`.
 *
 * @example const connection = socketConnection(connect({ port: 80, allowHalfOpen: true }))
 */
export const socketConnection = (socket: Duplex, head: Uint8Array = new Uint8Array()): ByteConnection => {
  // Whoever reads or writes hears of it there.
  socket.on('error', () => undefined)
  return {
    incoming: bytesOf(socket, head),
    write: bytes =>
      new Promise((resolve, reject) => {
        if (!socket.writable) reject(new Error('the connection is closed for writing'))
        else if (socket.write(bytes, error => (error ? reject(error) : resolve()))) resolve()
      }),
    end: () => void socket.end(),
    close: () => void socket.destroy(),
  }
}

async function* bytesOf(socket: Duplex, head: Uint8Array): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head
  // The end of what comes is not the end of what goes.
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) yield chunk as Uint8Array
}
