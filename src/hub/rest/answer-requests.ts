import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { describeError, Fault } from '../../api/fault.ts'
import type { Caller } from '../identity/caller.ts'
import type { SessionEnd } from '../streams/serve-process.ts'
import type { Audited } from './admit-request.ts'
import type { ApiHttpRequest, Rest } from './api-request.ts'
import { type AuditEntry, auditEntry } from './audit.ts'
import type { Door, HttpResponse } from './door.ts'
import { handleApi } from './handle-api.ts'
import type { KnownCallers } from './known-callers.ts'
import { readBody } from './read-body.ts'
import { isLongRunning, isReading, type RequestMetrics } from './request-metrics.ts'
import { sendFailure } from './send-failure.ts'
import { refuseUpgrade, sendResponse } from './send-response.ts'
import { faultFrom } from './status-object.ts'
import { upgradeApi } from './upgrade-api.ts'

export interface AnsweredRequests {
  /** Answers one request, whatever happens, and tells the audit. */
  serve(request: IncomingMessage, response: ServerResponse): Promise<void>
  /** Gives a connection to what it asks for, or refuses. Resolves when it is over. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>
  /** Ends the connections that were taken over. */
  endUpgraded(): void
}

/*
 *   request ── who asks ── limits ──> a door's prefix? ──> door
 *                                     └─ else the Kubernetes API ──> answer, audit, metrics
 */

/**
 * How requests and upgrades are answered, from the first look at the caller to the line in the audit.
 *
 * @example const requests = answerRequests({ rest, doors, callers, counted, audit, now, stop: signal })
 */
export const answerRequests = (of: {
  readonly rest: Rest
  readonly doors: readonly Door[]
  readonly callers: KnownCallers
  readonly counted: RequestMetrics
  readonly audit: (entry: AuditEntry) => void
  readonly now: () => number
  /** Ends every stream. */
  readonly stop: AbortSignal
}): AnsweredRequests => {
  const { rest, callers, counted, audit, stop } = of
  const { counts, limits, log } = rest
  const upgraded = new Set<Duplex>()

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
      const signal = AbortSignal.any([gone.signal, stop])
      const caller = await callers.of(request)
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
        log.error('a request failed', { url: request.url ?? '', error: describeError(error) })
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
    socket.on('error', error => log.debug('an upgraded connection broke', { error: describeError(error) }))
    try {
      const signal = AbortSignal.any([gone.signal, stop])
      const http = requestOf(request, await callers.of(request), signal, () => {})
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

  return {
    serve,
    upgrade,
    endUpgraded() {
      for (const socket of upgraded) socket.destroy()
    },
  }
}

/** What asks whether the hub is well must not be told that it is busy. */
const isHealthCheck = ({ url = '' }: IncomingMessage): boolean => /^\/(healthz|livez|readyz)/.test(url)

const splitOnce = (text: string, at: string): readonly string[] => {
  const index = text.indexOf(at)
  return index < 0 ? [text] : [text.slice(0, index), text.slice(index + 1)]
}

const doorOf = (doors: readonly Door[], path: string): Door | undefined =>
  doors.find(({ prefix }) => path === prefix || path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`))
