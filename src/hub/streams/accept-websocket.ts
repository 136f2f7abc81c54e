import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { Fault } from '../../api/fault.ts'
import type { HttpRequest } from '../rest/door.ts'

/** A client that sends more in one message is told so (1009). Python's client sends what it is given as one. */
export const mostMessageBytes = 512 * 1024

/** Answers to pings are left out while so much waits to be sent: who floods us with pings and does not read costs nothing. */
const mostWaitingForPong = 64 * 1024

/** Subprotocols that the client offers, in its order. */
export const offeredProtocols = (headers: HttpRequest['headers']): readonly string[] =>
  (headers['sec-websocket-protocol'] ?? '')
    .slice(0, 4096)
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '')

/** Whether the client asks for a WebSocket, and not for another protocol. */
export const isWebSocket = (headers: HttpRequest['headers']): boolean =>
  (headers.upgrade ?? '').toLowerCase() === 'websocket'

/**
 * Takes a connection over as a WebSocket (RFC 6455), with the subprotocol that was chosen. No compression.
 *
 * @throws Fault BadRequest when the handshake is wrong; Unavailable when the client has gone
 */
export const acceptWebSocket = (
  request: Pick<HttpRequest, 'method' | 'path' | 'headers'>,
  socket: Duplex,
  head: Buffer,
  protocol: string | undefined,
): WebSocket => {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: mostMessageBytes,
    perMessageDeflate: false,
    autoPong: false,
  })
  // The package takes no name with a slash, as port-forward's has one: the choice is ours, it does not see the offer.
  const { 'sec-websocket-protocol': _offer, ...headers } = request.headers
  server.on('headers', lines => {
    if (protocol !== undefined) lines.push(`Sec-WebSocket-Protocol: ${protocol}`)
  })
  let refused: Error | undefined
  server.on('wsClientError', error => {
    refused = error
  })
  const { method, path: url } = request
  const message = Object.assign(new IncomingMessage(new Socket()), { method, url, headers })
  let accepted: WebSocket | undefined
  server.handleUpgrade(message, socket, head, ws => {
    accepted = ws
  })
  if (refused !== undefined) throw new Fault('BadRequest', `not a WebSocket handshake: ${refused.message}`)
  if (accepted === undefined) throw new Fault('Unavailable', 'the client has gone')
  const ws: WebSocket = accepted
  ws.on('ping', data => {
    if (ws.readyState === ws.OPEN && ws.bufferedAmount < mostWaitingForPong) ws.pong(data)
  })
  return ws
}
