import type { Socket } from 'node:net'

/**
 * Ends a connection so that the other side sees it broken, not finished. node 24: a socket that was ended and is then
 * reset never closes, and keeps its process at full speed when it wants to leave; such a one is only destroyed.
 *
 * @example resetConnection(client) // the client reads ECONNRESET
 */
export const resetConnection = (socket: Socket): void => {
  if (socket.destroyed || socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}
