import { describeError, Fault } from '../../api/fault.ts'
import type { Pod } from '../../api/types.ts'
import type { ByteStream } from '../ports.ts'
import type { Rest, UpgradeRequest } from '../rest/api-request.ts'
import { acceptWebSocket, isWebSocket, offeredProtocols } from './accept-websocket.ts'
import { boundPod, podStreams } from './bound-pod.ts'
import { forwardChannels, portsOf } from './forward-channels.ts'
import { forwardProtocol, forwardSpdy, tunnelProtocol } from './forward-spdy.ts'
import type { SessionEnd } from './serve-process.ts'
import { acceptSpdy, chooseStreams, isSpdy } from './spdy/accept.ts'
import { socketWire, type Wire, webSocketWire } from './wire.ts'

/** port-forward, in the three forms that clients have: SPDY, SPDY in a WebSocket, and channels of a WebSocket. */
export const upgradeForward = async (request: UpgradeRequest, rest: Rest): Promise<SessionEnd> => {
  const { http, socket, head } = request
  const { clock, log } = rest
  const streams = podStreams(rest)
  const pod = boundPod(request, rest)
  const open = (port: number): Promise<ByteStream> => streams.forward(pod, port, http.signal)
  const spdy = async (wire: Wire): Promise<SessionEnd> => {
    const held = rest.beginForward?.(pod)
    held?.signal.addEventListener('abort', () => wire.reset(describeError(held.signal.reason)), { once: true })
    try {
      return await forwardSpdy({
        wire,
        open,
        clock,
        whyOver: () => whyOver(pod, rest),
        refused: (port, why) => log.info('a port-forward was refused', { pod: request.at.name, port, why }),
      })
    } finally {
      held?.end('closed')
    }
  }

  if (isSpdy(http.headers)) {
    const protocol = chooseStreams(http.headers, [forwardProtocol])
    acceptSpdy(socket, protocol)
    request.accepted()
    return await spdy(socketWire(socket, head, clock))
  }
  if (!isWebSocket(http.headers))
    throw new Fault('BadRequest', `an upgrade to ${(http.headers.upgrade ?? '').slice(0, 80)} is not known here`)
  if (offeredProtocols(http.headers).includes(tunnelProtocol)) {
    const ws = acceptWebSocket(http, socket, head, tunnelProtocol)
    const wire = webSocketWire(ws, clock)
    request.accepted()
    return await spdy(wire)
  }
  const ports = portsOf(http.query)
  if (ports.length === 0) throw new Fault('BadRequest', 'query parameter "ports" is required')
  return await forwardChannels({ ...request, ports, open, clock })
}

/** Why no connection to the pod can succeed any more; undefined while one may. */
const whyOver = (pod: Pod, rest: Pick<Rest, 'objects'>): string | undefined => {
  const { namespace = '', name = '', uid } = pod.metadata
  const now: Pod | undefined = rest.objects.get<Pod>('Pod', { namespace, name })
  if (now === undefined || now.metadata.uid !== uid) return `pod "${name}" is gone`
  const phase = now.status?.phase
  return phase === 'Succeeded' || phase === 'Failed' ? `pod "${name}" has ended: its phase is ${phase}` : undefined
}
