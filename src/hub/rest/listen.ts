import { once } from 'node:events'
import type { Server } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { describeError, Fault } from '../../api/fault.ts'

/** Gives connections that speak MQTT to the broker before HTTP sees them, and to HTTP those that are admitted. */
export const splitMqtt = (
  server: Server,
  onMqtt: ((socket: TLSSocket) => void) | undefined,
  admit: (socket: TLSSocket) => boolean,
): void => {
  const toHttp = server.listeners('secureConnection')
  server.removeAllListeners('secureConnection')
  server.on('secureConnection', socket => {
    if (onMqtt !== undefined && socket.alpnProtocol === 'mqtt') onMqtt(socket)
    else if (admit(socket)) for (const listener of toHttp) listener.call(server, socket)
  })
}

/** @throws Fault Machine when the port is taken, or cannot be had */
export const listen = async (server: Server, host: string, port: number): Promise<void> => {
  // Many may come at once, e.g. nodes by ALPN: the kernel queues them.
  server.listen({ port, host, backlog: 4096 })
  try {
    await once(server, 'listening')
  } catch (error) {
    const inUse = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
    const what = inUse
      ? `port ${port} of ${host} is in use: stop the program that has it (ss -ltnp 'sport = ${port}'), or choose another port`
      : `cannot listen on port ${port} of ${host}: ${describeError(error)}`
    throw new Fault('Machine', what, { host, port }, error)
  }
}
