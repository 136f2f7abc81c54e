import type { Pod } from '../../api/types.ts'
import type { Rest } from '../rest/api-request.ts'
import type { HttpRequest } from '../rest/door.ts'
import type { LiveSessions, Session, SessionFacts } from './live-sessions.ts'
import { watchedBytes, watchedOutput, watchedProcess, within } from './watched-streams.ts'

/** Whose streams they are. */
export interface Asker {
  readonly http: HttpRequest
  readonly impersonatedBy?: string
}

/**
 * The hub's ways to pods for one request: each stream that it opens is a session, which is listed, recorded, and may be
 * ended by others.
 */
export const auditedRest = (rest: Rest, asker: Asker): Rest => {
  const { sessions, logs, streams } = rest
  if (sessions === undefined) return rest
  const begin = (what: SessionFacts['what'], pod: Pod, more: { container?: string; detail?: string }): Session =>
    beginSession(sessions, asker, what, pod, more)
  return {
    ...rest,
    beginForward: pod => begin('forward', pod, { detail: 'waits for connections' }),
    logs: {
      async open(pod, container, options, signal) {
        const words = Object.entries(options).filter(([, value]) => value !== false)
        const detail = words.map(([name, value]) => (value === true ? name : `${name} ${value}`)).join(', ')
        const session = begin('logs', pod, { container, ...(detail === '' ? {} : { detail }) })
        return watchedOutput(await within(session, signal, one => logs.open(pod, container, options, one)), session)
      },
    },
    ...(streams === undefined
      ? {}
      : {
          streams: {
            async exec(pod, container, request, signal) {
              const session = begin('exec', pod, { container, detail: request.command.join(' ') })
              const open = (one: AbortSignal) => streams.exec(pod, container, request, one)
              return watchedProcess(await within(session, signal, open), session)
            },
            async attach(pod, container, request, signal) {
              const session = begin('attach', pod, { container })
              const open = (one: AbortSignal) => streams.attach(pod, container, request, one)
              return watchedProcess(await within(session, signal, open), session)
            },
            async forward(pod, port, signal) {
              const session = begin('forward', pod, { detail: String(port) })
              return watchedBytes(await within(session, signal, one => streams.forward(pod, port, one)), session)
            },
          },
        }),
  }
}

const beginSession = (
  sessions: LiveSessions,
  { http, impersonatedBy }: Asker,
  what: SessionFacts['what'],
  pod: Pod,
  more: { readonly container?: string; readonly detail?: string },
): Session => {
  const { namespace = '', name = '' } = pod.metadata
  return sessions.begin({
    what,
    user: http.caller.user,
    ...(impersonatedBy === undefined ? {} : { impersonatedBy }),
    from: http.remoteAddress,
    node: pod.spec?.nodeName ?? '',
    namespace,
    pod: name,
    ...more,
  })
}
