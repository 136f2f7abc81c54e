import type { Duplex } from 'node:stream'
import type { Kind } from '../../api/kind.ts'
import type { Pod } from '../../api/types.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { ServiceAccountTokens } from '../identity/service-account-tokens.ts'
import type { MetricsSource, PodLogs, PodStreams, UsageSource } from '../ports.ts'
import type { LiveSessions, Session } from '../remote/live-sessions.ts'
import type { HubObjects } from '../store/open-objects.ts'
import type { HttpRequest, HttpResponse } from './door.ts'
import type { HealthCheck } from './health.ts'
import type { ListPages } from './list-pages.ts'
import type { RestCounts } from './rest-counts.ts'
import type { RestLimits } from './rest-limits.ts'
import type { ResourcePath } from './route.ts'

/** What every request handler may use. */
export interface Rest {
  readonly objects: HubObjects
  readonly logs: PodLogs
  /** Absent: this hub offers no exec, attach and port-forward. */
  readonly streams?: PodStreams
  /** Where streams are listed and recorded. Absent: nowhere. */
  readonly sessions?: LiveSessions
  /** Of a port-forward that a client holds open, whether a connection goes through it or not. Absent: not listed. */
  readonly beginForward?: (pod: Pod) => Session
  readonly usage: UsageSource
  readonly serviceAccounts: ServiceAccountTokens
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly clock: Clock
  readonly log: Log
  /** Of Dunlin. */
  readonly version: string
  readonly pages: ListPages
  readonly counts: RestCounts
  /** Absent: `/metrics` is not offered. */
  readonly metrics?: MetricsSource | undefined
  readonly checks: readonly HealthCheck[]
  readonly limits: RestLimits
  /** How often a watch tells how far it is. */
  readonly bookmarkEveryMs: number
}

/** A request with its body as it comes, for those who pass it on: read once, and at the reader's pace. */
export interface ApiHttpRequest extends HttpRequest {
  readonly incoming: AsyncIterable<Uint8Array>
}

/** A request for a kind of the table, allowed by RBAC. */
export interface ResourceRequest {
  readonly http: ApiHttpRequest
  readonly kind: Kind
  readonly at: ResourcePath
}

/** A connection that is to be taken over, for a kind of the table, allowed by RBAC. */
export interface UpgradeRequest extends ResourceRequest {
  readonly socket: Duplex
  /** What came behind the request already. */
  readonly head: Buffer
  /** To be called when the client was told that it is upgraded. */
  accepted(): void
}

/** Upstream's limit for a request body. */
export const mostBodyBytes = 3 * 1024 * 1024

/** An answer of JSON, of one line. */
export const json = (value: unknown, status = 200, headers: HttpResponse['headers'] = {}): HttpResponse => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(value),
})
