import { once } from 'node:events'
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Fault } from '../../api/fault.ts'
import type { HttpResponse } from './door.ts'
import { failureStatus } from './status-object.ts'

const gzipped = promisify(gzip)

/** Below this size compression costs more than it spares. */
const leastGzipBytes = 1024

/** A client that takes nothing of an answer for so long is hung up on; watches come again from where they were. */
const stuckMs = 30_000

/** Writes an answer: compressed where the client likes it and it pays, a stream at the client's pace. */
export const sendResponse = async (
  request: IncomingMessage,
  response: ServerResponse,
  answer: HttpResponse,
  of: { readonly claim?: (bytes: number) => () => void; readonly stuck?: () => void } = {},
): Promise<void> => {
  response.on('timeout', () => {
    of.stuck?.()
    response.destroy()
  })
  response.statusCode = answer.status
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value)
  const { body } = answer
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
    return await sendWhole(request, response, body instanceof Uint8Array ? body : Buffer.from(body ?? ''), of.claim)
  }
  // Watchers wait for the headers before the first event.
  response.flushHeaders()
  request.socket.setNoDelay(true)
  for await (const chunk of body) {
    if (response.destroyed) return
    if (!response.write(chunk)) await drained(response)
  }
  response.end()
}

const sendWhole = async (
  request: IncomingMessage,
  response: ServerResponse,
  body: Uint8Array,
  claim: ((bytes: number) => () => void) | undefined,
): Promise<void> => {
  const likesGzip = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
  const isPlain = response.getHeader('content-encoding') === undefined
  const bytes = likesGzip && isPlain && body.length > leastGzipBytes ? await compressed(response, body) : body
  if (bytes !== body) {
    response.setHeader('content-encoding', 'gzip')
    response.setHeader('vary', 'Accept-Encoding, Accept')
  }
  const release = bytes.length > leastClaimBytes ? claim?.(bytes.length) : undefined
  if (release !== undefined) response.once('close', release)
  response.setHeader('content-length', bytes.length)
  if (request.method !== 'HEAD') {
    // At the client's pace: what is handed over at once lies in memory a second time, encrypted.
    for (let at = 0; at < bytes.length && !response.destroyed; at += sliceBytes) {
      if (!response.write(bytes.subarray(at, at + sliceBytes))) await drained(response)
    }
  }
  response.end()
  if (!response.writableFinished) response.setTimeout(stuckMs)
}

const sliceBytes = 256 * 1024

/** What is smaller lies in the socket's own buffers. */
const leastClaimBytes = 64 * 1024

/** Documents with an ETag stay as they are: they are compressed once, for as long as they live. */
const kept = new WeakMap<Uint8Array, Promise<Uint8Array>>()

const compressed = (response: ServerResponse, body: Uint8Array): Promise<Uint8Array> => {
  if (response.getHeader('etag') === undefined) return gzipped(body, { level: 1 })
  const known = kept.get(body) ?? gzipped(body, { level: 6 })
  kept.set(body, known)
  return known
}

/** Resolves when the client has taken what was written, or has gone. */
const drained = async (response: ServerResponse): Promise<void> => {
  const gone = new AbortController()
  const leave = (): void => gone.abort()
  response.once('close', leave)
  response.setTimeout(stuckMs)
  try {
    if (!response.destroyed) await once(response, 'drain', { signal: gone.signal })
  } catch (error) {
    if (!gone.signal.aborted) throw error
  } finally {
    response.off('close', leave)
    response.setTimeout(0)
  }
}

/** Refuses an Upgrade with a Status, and hangs up. */
export const refuseUpgrade = (socket: Duplex, failure: Fault): void => {
  if (socket.destroyed) return
  const body = JSON.stringify(failureStatus(failure))
  const head = [
    `HTTP/1.1 ${failure.status} ${STATUS_CODES[failure.status] ?? ''}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}
