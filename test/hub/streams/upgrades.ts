import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import type { HttpRequest } from '../../../src/hub/rest/door.ts'
import { refuseUpgrade } from '../../../src/hub/rest/send-response.ts'
import { faultFrom } from '../../../src/hub/rest/status-object.ts'

export type Upgrade = (
  request: Pick<HttpRequest, 'method' | 'path' | 'headers'>,
  socket: Duplex,
  head: Buffer,
) => Promise<unknown>

export interface UpgradeServer {
  readonly port: number
  /** A WebSocket client with these subprotocols. */
  dial(protocols: string | string[]): WebSocket
  /** A bare TCP connection. */
  connect(): Socket
  /** What the upgrades came to. */
  readonly ends: unknown[]
}

/** A server on loopback that gives every upgrade to `upgrade`, and refuses with a Status as the hub does. */
export const upgradeServer = async (t: Test, upgrade: Upgrade): Promise<UpgradeServer> => {
  const ends: unknown[] = []
  const open = new Set<{ destroy(): void }>()
  const server = createServer()
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    open.add(socket)
    socket.on('error', () => {})
    const of = { method: request.method ?? 'GET', path: request.url ?? '/', headers: request.headers }
    upgrade(of, socket, head).then(
      end => ends.push(end),
      error => {
        ends.push(error)
        refuseUpgrade(socket, faultFrom(error))
      },
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  t.teardown(() => {
    for (const one of open) one.destroy()
    server.close()
  })
  return {
    port,
    ends,
    dial(protocols) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`, protocols)
      socket.on('error', () => {})
      open.add({ destroy: () => socket.terminate() })
      return socket
    },
    connect() {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      open.add(socket)
      return socket
    },
  }
}

/** Messages of a WebSocket as they come: `channel:text`. */
export const messagesOf = (socket: WebSocket) => {
  const messages: string[] = []
  const closed = Promise.withResolvers<string>()
  socket.on('message', (data: Buffer) => messages.push(`${data[0]}:${data.subarray(1)}`))
  socket.on('close', (code: number, reason: Buffer) => closed.resolve(`${code} ${reason}`))
  return { messages, closed: closed.promise }
}
