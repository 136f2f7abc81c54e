import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { describeError, Fault } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { Caller } from '../identity/caller.ts'
import type { ServiceAccountTokens } from '../identity/service-account-tokens.ts'
import { limitHandshakes } from '../limit-handshakes.ts'
import { type HubMeter, hubMeter } from '../metrics/hub-metrics.ts'
import type { MetricsSource, PodLogs, PodStreams, UsageSource } from '../ports.ts'
import type { LiveSessions } from '../remote/live-sessions.ts'
import type { HubObjects } from '../store/open-objects.ts'
import type { SessionEnd } from '../streams/serve-process.ts'
import type { Audited } from './admit-request.ts'
import type { ApiHttpRequest, Rest } from './api-request.ts'
import { type AuditEntry, auditEntry, auditTo } from './audit.ts'
import type { Door, HttpResponse } from './door.ts'
import { handleApi } from './handle-api.ts'
import type { HealthCheck } from './health.ts'
import { answerBroken, httpConnections, httpTimes } from './http-connections.ts'
import { listPages } from './list-pages.ts'
import { listen, splitMqtt } from './listen.ts'
import { readBody } from './read-body.ts'
import { isLongRunning, isReading, requestMetrics } from './request-metrics.ts'
import { restCounts } from './rest-counts.ts'
import { restLimits } from './rest-limits.ts'
import { refuseUpgrade, sendResponse } from './send-response.ts'
import { failureStatus, faultFrom } from './status-object.ts'
import { upgradeApi } from './upgrade-api.ts'

export interface RestOptions {
  readonly objects: HubObjects
  /** Who is at the door. @throws Fault Unauthorized */
  readonly authenticate: (socket: TLSSocket, headers: IncomingHttpHeaders) => Caller | Promise<Caller>
  /** `ca`: of client certificates. With `ticketKeys` clients resume their sessions over restarts. */
  readonly tls: Pick<ServerOptions, 'key' | 'cert' | 'ca' | 'ticketKeys'>
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly doors: readonly Door[]
  readonly logs: PodLogs
  /** Absent: no exec, attach and port-forward. */
  readonly streams?: PodStreams
  /** Where streams are listed and recorded. Absent: nowhere. */
  readonly sessions?: LiveSessions
  readonly usage: UsageSource
  readonly serviceAccounts: ServiceAccountTokens
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly clock: Clock
  readonly log: Log
  /** Of Dunlin, e.g. `0.1.0`. */
  readonly version: string
  /** Default: a line of the log for each request that is no health check. */
  readonly audit?: (entry: AuditEntry) => void
  /** Connections that speak MQTT (ALPN `mqtt`) on this port. Absent: not offered. */
  readonly onMqtt?: (socket: TLSSocket) => void
  readonly bookmarkEveryMs?: number
  /** Where requests are counted. Absent: by itself, seen by nobody. */
  readonly meter?: HubMeter
  /** What `/metrics` answers. Absent: not offered. */
  readonly metrics?: MetricsSource
  /** Beside `ping`: what must be well for `/healthz`, `/livez` and `/readyz`. */
  readonly checks?: readonly HealthCheck[]
}

export interface RestServer {
  readonly port: number
  /** Ends the connections of callers that are no longer welcome (revoked). */
  drop(isUnwanted: (caller: Caller) => boolean): void
  /** New certificates for new connections. */
  renew(tls: RestOptions['tls']): void
  /** Takes no new requests, ends the streams, waits for those under way. */
  close(): Promise<void>
}

/** Longer than the 90 s for which Go's clients keep idle connections, so that it is never us who hang up on a request. */
const keepAliveMs = 120_000

/** How long requests under way have when the hub stops. */
const closingMs = 5000

/*
 *   TLS ── ALPN mqtt ──> broker
 *    └─ HTTP ── authenticate ──> a door's prefix? ──> door
 *                                └─ else the Kubernetes API ──> audit
 */

/**
 * Serves the Kubernetes API and the hub's other doors over TLS, on one port.
 *
 * @throws Fault Machine when the port is taken
 * @example const rest = await startRest({ objects, authenticate, tls, host: '0.0.0.0', port: 6443, doors: [], … })
 */
export const startRest = async (of: RestOptions): Promise<RestServer> => {
  const stop = new AbortController()
  const meter = of.meter ?? hubMeter()
  const counted = requestMetrics({ meter, objects: of.objects, doors: of.doors })
  const counts = restCounts(meter)
  const limits = restLimits(counts)
  const rest: Rest = {
    ...of,
    pages: listPages({ now: of.now }),
    limits,
    counts,
    checks: [...ownChecks(stop.signal), ...(of.checks ?? [])],
    bookmarkEveryMs: of.bookmarkEveryMs ?? 60_000,
  }
  const audit = of.audit ?? auditTo(of.log)
  const connections = httpConnections({ meter, counts })
  const callers = new Map<Duplex, Caller>()
  const running = new Set<Promise<void>>()
  const upgraded = new Set<Duplex>()

  const server = createServer({
    ...of.tls,
    requestCert: true,
    // Who shows no certificate, or one of another CA, is told so in an answer.
    rejectUnauthorized: false,
    sessionIdContext: 'dunlin',
    ALPNProtocols: of.onMqtt === undefined ? ['http/1.1'] : ['http/1.1', 'mqtt'],
    ...httpTimes,
    // A silent handshake, on a bad link, too.
    handshakeTimeout: 20_000,
    keepAliveTimeout: keepAliveMs,
    // Finds out about clients that went without a word, so that their watches do not stay for ever.
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
    maxHeaderSize: 32 * 1024,
  })

  const requestOf = (
    request: IncomingMessage,
    caller: Caller,
    signal: AbortSignal,
    claim: (bytes: number) => void,
  ): ApiHttpRequest => {
    const [path = '/', query = ''] = splitOnce(request.url ?? '/', '?')
    return {
      method: request.method ?? 'GET',
      path,
      query: new URLSearchParams(query),
      headers: request.headers,
      caller,
      remoteAddress: request.socket.remoteAddress ?? '',
      signal,
      body: limitBytes => readBody(request, limitBytes, claim),
      incoming: request,
    }
  }

  const callerOf = async (request: IncomingMessage): Promise<Caller> => {
    const socket = request.socket as TLSSocket
    const caller = await judged(socket, request.headers)
    if (!callers.has(socket)) socket.once('close', () => callers.delete(socket))
    callers.set(socket, caller)
    if (caller.by !== 'anonymous') connections.proven(socket)
    return caller
  }

  const judged = async (socket: TLSSocket, headers: IncomingHttpHeaders): Promise<Caller> => {
    let result: 'success' | 'anonymous' | 'failure' = 'failure'
    try {
      const caller = await of.authenticate(socket, headers)
      result = caller.by === 'anonymous' ? 'anonymous' : 'success'
      return caller
    } finally {
      counts.callers([result])
    }
  }

  const answer = async (http: ApiHttpRequest, audited: Audited): Promise<HttpResponse> => {
    const door = doorOf(of.doors, http.path)
    if (door === undefined) return await handleApi(http, rest, audited)
    audited.caller = http.caller
    audited.access = { verb: http.method.toLowerCase(), path: door.prefix }
    return await door.handle(http)
  }

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const started = of.now()
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    const audited: Audited = {}
    let failure: Fault | undefined
    const over = [counted.begin(request)]
    const isOver = (): void => {
      for (const end of over.splice(0)) end()
    }
    let streamOver: (() => void) | undefined
    try {
      const signal = AbortSignal.any([gone.signal, stop.signal])
      const caller = await callerOf(request)
      const { user } = caller
      if (!isHealthCheck(request)) over.push(limits.request(user, isReading(request) ? 'readOnly' : 'mutating'))
      const http = requestOf(request, caller, signal, bytes => void over.push(limits.body(user, bytes)))
      const made = await answer(http, audited)
      if (isLongRunning(audited, http.query)) {
        isOver()
        streamOver = counted.stream(audited, request)
      }
      await sendResponse(request, response, made, {
        claim: bytes => limits.answer(user, bytes),
        stuck: () => counts.connectionsRefused(['stuck']),
      })
    } catch (error) {
      failure = faultFrom(error)
      if (failure.reason === 'Internal') {
        of.log.error('a request failed', { url: request.url ?? '', error: describeError(error) })
      }
      await sendFailure(request, response, failure)
    } finally {
      isOver()
      streamOver?.()
    }
    tell(request, audited, response.statusCode, { started, failure, isStream: streamOver !== undefined })
  }

  const tell = (
    request: IncomingMessage,
    audited: Audited,
    status: number,
    as: {
      readonly started: number
      readonly failure: Fault | undefined
      readonly isStream: boolean
      /** How a connection ended that was told already when it began. */
      readonly session?: SessionEnd | undefined
    },
  ): void => {
    const ms = of.now() - as.started
    if (as.session === undefined) {
      if (audited.access !== undefined) counts.judged([as.failure?.reason === 'Forbidden' ? 'denied' : 'allowed'])
      counted.answered(audited, request, status, { seconds: ms / 1000, isStream: as.isStream })
    }
    audit({
      ...auditEntry(request, audited, status, ms, as.failure),
      ...(as.session === undefined ? {} : { session: as.session }),
    })
  }

  const upgrade = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const started = of.now()
    const gone = new AbortController()
    upgraded.add(socket)
    socket.once('close', () => {
      upgraded.delete(socket)
      gone.abort()
    })
    let streamOver: (() => void) | undefined
    const told = (status: number, failure?: Fault, session?: SessionEnd): void =>
      tell(request, audited, status, { started, failure, isStream: true, session })
    const audited: Audited = {}
    let isAccepted = false
    socket.on('error', error => of.log.debug('an upgraded connection broke', { error: describeError(error) }))
    try {
      const signal = AbortSignal.any([gone.signal, stop.signal])
      const http = requestOf(request, await callerOf(request), signal, () => {})
      const door = doorOf(of.doors, http.path)
      if (door === undefined) {
        const connection = {
          socket,
          head,
          accepted() {
            isAccepted = true
            streamOver = counted.stream(audited, request)
            told(101)
          },
        }
        told(101, undefined, await upgradeApi(http, connection, rest, audited))
        return
      }
      if (door.upgrade === undefined) {
        throw new Fault('BadRequest', `there is nothing to upgrade at ${http.path.slice(0, 200)}`)
      }
      audited.caller = http.caller
      audited.access = { verb: 'connect', path: door.prefix }
      told(101)
      await door.upgrade(http, socket, head)
    } catch (error) {
      const failure = faultFrom(error)
      told(failure.status, failure)
      // Who was upgraded already does not read HTTP any more.
      if (isAccepted) socket.destroy()
      else refuseUpgrade(socket, failure)
    } finally {
      streamOver?.()
    }
  }

  const own = (promise: Promise<void>): void => {
    const kept = promise
      .catch(error => of.log.error('answering a request failed', { error: describeError(error) }))
      .finally(() => running.delete(kept))
    running.add(kept)
  }

  server.on('request', (request, response) => own(serve(request, response)))
  server.on('upgrade', (request, socket, head) => own(upgrade(request, socket, head)))
  server.on('tlsClientError', error => of.log.debug('a TLS handshake failed', { error: describeError(error) }))
  answerBroken(server, counts)
  const sockets = new Set<Duplex>()
  server.on('connection', (socket: Duplex) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  splitMqtt(server, of.onMqtt, connections.admit)
  limitHandshakes(server, { port: 'api', clock: of.clock, meter })
  await listen(server, of.host, of.port)

  return {
    port: (server.address() as AddressInfo).port,
    drop(isUnwanted) {
      for (const [socket, caller] of callers) if (isUnwanted(caller)) socket.destroy()
    },
    renew: tls => server.setSecureContext(tls),
    async close() {
      stop.abort()
      // Its callback would wait for connections that the broker or a door has taken over.
      server.close()
      server.closeIdleConnections()
      // Streams have ended by now but for clients that do not read.
      const patience = setTimeout(() => {
        server.closeAllConnections()
        for (const socket of upgraded) socket.destroy()
      }, closingMs)
      await Promise.all(running)
      clearTimeout(patience)
      server.closeAllConnections()
    },
  }
}

/** k8s: the checks that every apiserver has. */
const ownChecks = (stop: AbortSignal): readonly HealthCheck[] => [
  { name: 'ping', isLive: true, check: () => {} },
  {
    name: 'shutdown',
    isLive: false,
    check() {
      if (stop.aborted) throw new Fault('Unavailable', 'the hub is shutting down')
    },
  },
]

/** What asks whether the hub is well must not be told that it is busy. */
const isHealthCheck = ({ url = '' }: IncomingMessage): boolean => /^\/(healthz|livez|readyz)/.test(url)

const splitOnce = (text: string, at: string): readonly string[] => {
  const index = text.indexOf(at)
  return index < 0 ? [text] : [text.slice(0, index), text.slice(index + 1)]
}

const doorOf = (doors: readonly Door[], path: string): Door | undefined =>
  doors.find(({ prefix }) => path === prefix || path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`))

const sendFailure = async (request: IncomingMessage, response: ServerResponse, failure: Fault): Promise<void> => {
  // A stream that has begun can only break off: its reader comes again.
  if (response.headersSent) {
    response.destroy()
    return
  }
  const headers: { [name: string]: string } = { 'content-type': 'application/json' }
  if (failure.reason === 'TooManyRequests' || failure.reason === 'Unavailable') headers['retry-after'] = '1'
  if (failure.reason === 'Unauthorized') headers['www-authenticate'] = 'Bearer realm="dunlin"'
  // What was not read of a body must not be taken for the next request.
  if (!request.complete) headers['connection'] = 'close'
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  await sendResponse(request, response, {
    status: failure.status,
    headers,
    body: JSON.stringify(failureStatus(failure)),
  })
}
