import type { IncomingMessage } from 'node:http'
import type { Fault } from '../../api/fault.ts'
import type { AccessRequest } from '../../core/access/access-rules.ts'
import type { Log } from '../../lib/log.ts'
import type { Caller } from '../identity/caller.ts'
import type { SessionEnd } from '../streams/serve-process.ts'

/** One request: who did what, and what came of it. */
export interface AuditEntry {
  readonly user: string
  readonly caller?: Caller
  readonly access?: AccessRequest
  /** Who really asked, where the user is impersonated. */
  readonly impersonatedBy?: string
  readonly method: string
  readonly path: string
  readonly status: number
  readonly ms: number
  readonly remoteAddress: string
  readonly failure?: string
  /** Of a connection that was taken over, when it is over; it was told of when it began, too. */
  readonly session?: SessionEnd
}

const reads = ['get', 'list', 'watch']

/** Writes, refusals and connections to pods at `info`, reads at `debug`; health checks are not told. */
export const auditTo =
  (log: Log) =>
  (entry: AuditEntry): void => {
    if (/^\/(healthz|livez|readyz)/.test(entry.path)) return
    const {
      verb = entry.method.toLowerCase(),
      resource = '',
      subresource = '',
      namespace = '',
      name = '',
    } = entry.access ?? {}
    const what = resource === '' ? entry.path : subresource === '' ? resource : `${resource}/${subresource}`
    const facts = {
      user: entry.user,
      ...(entry.impersonatedBy === undefined ? {} : { impersonatedBy: entry.impersonatedBy }),
      verb,
      what,
      ...(name === '' && namespace === '' ? {} : { object: namespace === '' ? name : `${namespace}/${name}` }),
      status: entry.status,
      ms: entry.ms,
      from: entry.remoteAddress,
      ...(entry.failure === undefined ? {} : { failure: entry.failure }),
      ...entry.session,
    }
    if (reads.includes(verb) && entry.status < 400 && entry.status !== 101) log.debug('audit', facts)
    else log.info('audit', facts)
  }

/** What the audit knows of a request that has been answered. */
export const auditEntry = (
  request: IncomingMessage,
  audited: Pick<AuditEntry, 'caller' | 'access' | 'impersonatedBy'>,
  status: number,
  ms: number,
  failure: Fault | undefined,
): AuditEntry => ({
  ...audited,
  user: audited.caller?.user ?? '',
  method: request.method ?? '',
  path: (request.url ?? '').split('?', 1)[0] ?? '',
  status,
  ms,
  remoteAddress: request.socket.remoteAddress ?? '',
  ...(failure === undefined ? {} : { failure: failure.message }),
})
