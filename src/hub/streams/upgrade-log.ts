import { describeError, Fault } from '../../api/fault.ts'
import type { Pod } from '../../api/types.ts'
import type { Rest, UpgradeRequest } from '../rest/api-request.ts'
import { containerOf } from '../rest/container-of.ts'
import { logOptions } from '../rest/pod-log.ts'
import { objectAt } from '../rest/read-objects.ts'
import { acceptWebSocket, isWebSocket, offeredProtocols } from './accept-websocket.ts'
import type { SessionEnd } from './serve-process.ts'
import { type WireForm, webSocketWire } from './wire.ts'

/** k8s: wsstream's protocols of a one-way stream. Without one it is binary. */
const forms: { readonly [protocol: string]: WireForm } = { 'binary.k8s.io': 'binary', 'base64.binary.k8s.io': 'base64' }

/**
 * A pod's log over WebSocket, for browsers: each message is a piece of it, in `base64.binary.k8s.io` as a text that is
 * decoded by itself; the end of the log is the end of the connection.
 *
 * @throws Fault BadRequest | NotFound | Unavailable while nothing has been answered yet
 */
export const upgradeLog = async (request: UpgradeRequest, rest: Rest): Promise<SessionEnd> => {
  const { http } = request
  if (!isWebSocket(http.headers) || http.method !== 'GET')
    throw new Fault('BadRequest', `a log is read by GET, or over a WebSocket, not over ${http.headers.upgrade ?? ''}`)
  const offered = offeredProtocols(http.headers)
  const protocol = offered.find(one => Object.hasOwn(forms, one))
  if (offered.length > 0 && protocol === undefined)
    throw new Fault('BadRequest', `unable to negotiate protocol: server accepts ${Object.keys(forms).join(', ')}`)
  const pod: Pod = objectAt(request, rest)
  const container = containerOf(pod, http.query.get('container') ?? '')
  const log = await rest.logs.open(pod, container, logOptions(http.query), http.signal)
  const ws = acceptWebSocket(http, request.socket, request.head, protocol)
  const wire = webSocketWire(ws, rest.clock, forms[protocol ?? ''])
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
