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
import { answerRequests } from './answer-requests.ts'
import type { Rest } from './api-request.ts'
import { type AuditEntry, auditTo } from './audit.ts'
import type { Door } from './door.ts'
import type { HealthCheck } from './health.ts'
import { answerBroken, httpConnections, httpTimes } from './http-connections.ts'
import { type Authenticate, knownCallers } from './known-callers.ts'
import { listPages } from './list-pages.ts'
import { listen, splitMqtt } from './listen.ts'
import { requestMetrics } from './request-metrics.ts'
import { restCounts } from './rest-counts.ts'
import { restLimits } from './rest-limits.ts'

export interface RestOptions {
  readonly objects: HubObjects
  readonly authenticate: Authenticate
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
  const callers = knownCallers({ authenticate: of.authenticate, counts, proven: connections.proven })
  const requests = answerRequests({ rest, doors: of.doors, callers, counted, audit, now: of.now, stop: stop.signal })
  const running = new Set<Promise<void>>()

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

  const own = (promise: Promise<void>): void => {
    const kept = promise
      .catch(error => of.log.error('answering a request failed', { error: describeError(error) }))
      .finally(() => running.delete(kept))
    running.add(kept)
  }

  server.on('request', (request, response) => own(requests.serve(request, response)))
  server.on('upgrade', (request, socket, head) => own(requests.upgrade(request, socket, head)))
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
    drop: callers.drop,
    renew: tls => server.setSecureContext(tls),
    async close() {
      stop.abort()
      // Its callback would wait for connections that the broker or a door has taken over.
      server.close()
      server.closeIdleConnections()
      // Streams have ended by now but for clients that do not read.
      const patience = setTimeout(() => {
        server.closeAllConnections()
        requests.endUpgraded()
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
