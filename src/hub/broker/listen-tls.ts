import type { Server } from 'node:tls'
import { Fault } from '../../api/fault.ts'

/**
 * Listens, and resolves to the port. A whole fleet may come at once, so the kernel queues many.
 *
 * @throws Fault Machine when the port is taken or not allowed
 */
export const listenTls = async (
  server: Server,
  at: { readonly host: string; readonly port: number },
): Promise<number> => {
  await new Promise<void>((resolve, reject) => {
    server.once('error', error => {
      const what = `MQTT cannot listen on ${at.host}:${at.port}; free the port or choose another`
      reject(new Fault('Machine', what, { ...at }, error))
    })
    server.listen({ ...at, backlog: 4096 }, resolve)
  })
  const address = server.address()
  return address !== null && typeof address === 'object' ? address.port : at.port
}
