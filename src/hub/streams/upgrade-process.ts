import { Fault } from '../../api/fault.ts'
import type { ProcessRequest, RemoteProcess } from '../ports.ts'
import type { Rest, UpgradeRequest } from '../rest/api-request.ts'
import { containerOf } from '../rest/container-of.ts'
import { queryFlag } from '../rest/query.ts'
import { isWebSocket } from './accept-websocket.ts'
import { boundPod, podStreams } from './bound-pod.ts'
import { processChannels } from './process-channels.ts'
import { processSpdy } from './process-spdy.ts'
import type { SessionEnd } from './serve-process.ts'
import { isSpdy } from './spdy/accept.ts'

/** exec and attach, over whichever protocol the client wants. */
export const upgradeProcess = async (request: UpgradeRequest, rest: Rest): Promise<SessionEnd> => {
  const { http, at, socket, head } = request
  const streams = podStreams(rest)
  const pod = boundPod(request, rest)
  const container = containerOf(pod, http.query.get('container') ?? '')
  const wish = processWish(http.query)
  const command = http.query.getAll('command')
  if (at.subresource === 'exec' && command.length === 0)
    throw new Fault('BadRequest', 'you must specify at least one command for the container')
  const open = (): Promise<RemoteProcess> =>
    at.subresource === 'exec'
      ? streams.exec(pod, container, { ...wish, command }, http.signal)
      : streams.attach(pod, container, wish, http.signal)
  if (isSpdy(http.headers)) return await processSpdy({ ...request, request: http, wish, open, clock: rest.clock })
  if (!isWebSocket(http.headers))
    throw new Fault('BadRequest', `an upgrade to ${(http.headers.upgrade ?? '').slice(0, 80)} is not known here`)
  return await processChannels({ request: http, socket, head, open, accepted: request.accepted, clock: rest.clock })
}

/**
 * k8s: PodExecOptions and PodAttachOptions. A terminal has one output only.
 *
 * @throws Fault BadRequest in upstream's words
 */
export const processWish = (query: URLSearchParams): ProcessRequest => {
  const tty = queryFlag(query, 'tty')
  const wish = {
    tty,
    stdin: queryFlag(query, 'stdin'),
    stdout: queryFlag(query, 'stdout'),
    stderr: queryFlag(query, 'stderr') && !tty,
  }
  if (wish.stdin || wish.stdout || wish.stderr) return wish
  throw new Fault('BadRequest', 'you must specify at least 1 of stdin, stdout, stderr')
}
