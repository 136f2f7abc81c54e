import { describeError, Fault } from '../../api/fault.ts'
import type { Pod } from '../../api/types.ts'
import type { Rest, UpgradeRequest } from '../rest/api-request.ts'
import { containerOf } from '../rest/container-of.ts'
import { logOptions } from '../rest/pod-log.ts'
import { objectAt } from '../rest/read-objects.ts'
import { acceptWebSocket, isWebSocket, offeredProtocols } from './accept-websocket.ts'
import type { SessionEnd } from './serve-process.ts'
import { webSocketWire } from './wire.ts'

/** k8s: wsstream's protocol of a one-way stream; without a protocol it is the same. */
const protocol = 'binary.k8s.io'

/** A pod's log over WebSocket: each message is a piece of it, and the end of the log is the end of the connection. */
export const upgradeLog = async (request: UpgradeRequest, rest: Rest): Promise<SessionEnd> => {
  const { http } = request
  if (!isWebSocket(http.headers) || http.method !== 'GET')
    throw new Fault('BadRequest', `a log is read by GET, or over a WebSocket, not over ${http.headers.upgrade ?? ''}`)
  const offered = offeredProtocols(http.headers)
  if (offered.length > 0 && !offered.includes(protocol))
    throw new Fault('BadRequest', `unable to negotiate protocol: server accepts ${protocol}`)
  const pod: Pod = objectAt(request, rest)
  const container = containerOf(pod, http.query.get('container') ?? '')
  const log = await rest.logs.open(pod, container, logOptions(http.query), http.signal)
  const ws = acceptWebSocket(http, request.socket, request.head, offered.length === 0 ? undefined : protocol)
  const wire = webSocketWire(ws, rest.clock)
  request.accepted()
  let sent = 0
  try {
    for await (const chunk of log) {
      await wire.write(chunk)
      sent += chunk.length
    }
    wire.end()
    return { received: 0, sent, why: 'the log has ended' }
  } catch (error) {
    const why = describeError(error)
    wire.reset(why)
    return { received: 0, sent, why }
  }
}
