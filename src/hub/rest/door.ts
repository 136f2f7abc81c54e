import type { IncomingHttpHeaders } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Caller } from '../identity/caller.ts'

/** A request that has been authenticated, not yet authorised. */
export interface HttpRequest {
  readonly method: string
  /** Path as sent, still percent-encoded, without the query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly caller: Caller
  /** The peer's address, for admission and audit. */
  readonly remoteAddress: string
  /** Aborts when the client goes away or the hub stops. */
  readonly signal: AbortSignal
  /** The whole body. @throws Fault RequestEntityTooLarge above `limitBytes` */
  body(limitBytes: number): Promise<Buffer>
}

export interface HttpResponse {
  readonly status: number
  readonly headers?: { readonly [name: string]: string | readonly string[] }
  readonly body?: Uint8Array | string | AsyncIterable<Uint8Array>
}

/**
 * A way into the hub beside the Kubernetes API, on the same port: enrolment, documents, sessions.
 * It decides itself whom it admits, and says 403 with the reason to all others.
 */
export interface Door {
  /** e.g. `/dunlin/v1/enrol`. Matches the path itself and everything below it. */
  readonly prefix: string
  handle(request: HttpRequest): Promise<HttpResponse>
  /** Takes over an Upgrade (WebSocket). Absent: refused. */
  upgrade?(request: HttpRequest, socket: Duplex, head: Buffer): Promise<void>
}
