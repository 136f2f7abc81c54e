import type { Server } from 'node:https'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { HubMeter } from '../metrics/hub-metrics.ts'
import type { RestCounts } from './rest-counts.ts'

/** Connections that speak HTTP; a further one is closed at once. */
const most = 2500
/** Those on which nobody has shown who it is; above it the oldest is closed. */
const mostUnproven = 500

/** How long a client may take for the head of a request, and for all of it. */
export const httpTimes = {
  headersTimeout: 20_000,
  requestTimeout: 120_000,
  connectionsCheckingInterval: 10_000,
} as const

export interface HttpConnections {
  /** Whether the connection is taken; it is closed where not. */
  admit(socket: TLSSocket): boolean
  /** Somebody known has asked for something on it. */
  proven(socket: Duplex): void
}

/** Bounds the connections to the API port, and closes those that send their requests too slowly. */
export const httpConnections = (of: { readonly meter: HubMeter; readonly counts: RestCounts }): HttpConnections => {
  const open = new Set<Duplex>()
  const unproven = new Set<Duplex>()
  of.meter.read('dunlin_http_connections', () => [[[], open.size]])
  const close = (socket: Duplex): void => {
    of.counts.connectionsRefused(['full'])
    socket.destroy()
  }
  return {
    admit(socket) {
      if (open.size >= most) {
        close(socket)
        return false
      }
      open.add(socket)
      unproven.add(socket)
      socket.once('close', () => {
        open.delete(socket)
        unproven.delete(socket)
      })
      const [oldest] = unproven
      if (unproven.size > mostUnproven && oldest !== undefined) {
        unproven.delete(oldest)
        close(oldest)
      }
      return true
    },
    proven: socket => void unproven.delete(socket),
  }
}

/** Answers what is no request, or comes too slowly, as Node would, and counts the slow. */
export const answerBroken = (server: Server, counts: RestCounts): void => {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    const isSlow = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
    if (isSlow) counts.connectionsRefused(['slow'])
    const status = isSlow
      ? '408 Request Timeout'
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? '431 Request Header Fields Too Large'
        : '400 Bad Request'
    if (socket.writable) socket.write(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`)
    socket.destroy()
  })
}
