import type { Duplex } from 'node:stream'
import { Fault } from '../../../api/fault.ts'
import type { HttpRequest } from '../../rest/door.ts'

/** Whether the client asks for SPDY, and not for another protocol. */
export const isSpdy = (headers: HttpRequest['headers']): boolean => (headers.upgrade ?? '').toLowerCase() === 'spdy/3.1'

const versionHeader = 'x-stream-protocol-version'

/**
 * The protocol of streams that the client likes most and we have, of those that `X-Stream-Protocol-Version` offers.
 *
 * @throws Fault BadRequest where there is none
 */
export const chooseStreams = (headers: HttpRequest['headers'], ours: readonly string[]): string => {
  const offered = [headers[versionHeader] ?? []].flat().flatMap(one => one.split(',').map(name => name.trim()))
  const chosen = offered.find(one => ours.includes(one))
  if (chosen !== undefined) return chosen
  throw new Fault(
    'BadRequest',
    `unable to negotiate protocol: client supports [${offered.join(' ').slice(0, 500)}], server accepts [${ours.join(' ')}]`,
  )
}

/** Tells the client that from now on SPDY is spoken. */
export const acceptSpdy = (socket: Duplex, protocol: string): void => {
  const head = [
    'HTTP/1.1 101 Switching Protocols',
    'Connection: Upgrade',
    'Upgrade: SPDY/3.1',
    `X-Stream-Protocol-Version: ${protocol}`,
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
}
