import { Fault } from '../../api/fault.ts'
import type { Rest, UpgradeRequest } from '../rest/api-request.ts'
import { podStreams } from './bound-pod.ts'
import { idleWatch } from './idle-watch.ts'
import { joinStreams } from './join-streams.ts'
import { withoutOwn } from './proxy-http.ts'
import { proxyTarget } from './proxy-target.ts'
import type { SessionEnd } from './serve-process.ts'
import { socketWire } from './wire.ts'

/** An upgrade below pods/proxy or services/proxy: the pod answers it itself, and then the two speak what they like. */
export const upgradeProxy = async (request: UpgradeRequest, rest: Rest): Promise<SessionEnd> => {
  const { http, at, socket, head } = request
  const streams = podStreams(rest)
  const { pod, port, isTls } = proxyTarget(request, rest)
  if (isTls) throw new Fault('BadRequest', 'an upgrade is proxied to http, not to https')
  const stream = await streams.forward(pod, port, http.signal)
  const search = http.query.size === 0 ? '' : `?${http.query}`
  const headers = {
    ...withoutOwn(http.headers),
    host: `${pod.status?.podIP ?? pod.metadata.name}:${port}`,
    connection: 'Upgrade',
    upgrade: http.headers.upgrade ?? '',
  }
  const lines = Object.entries(headers).flatMap(([name, value]) => [value].flat().map(one => `${name}: ${one}`))
  await stream.write(
    Buffer.from(`${http.method} ${at.below || '/'}${search} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`),
  )
  request.accepted()
  const wire = socketWire(socket, head, rest.clock)
  const moved = { received: 0, sent: 0 }
  const idle = idleWatch(rest.clock, fault => wire.reset(fault.message))
  const broke = await joinStreams(wire, stream, (way, bytes) => {
    idle.moved()
    moved[way] += bytes
  })
  idle.stop()
  return { ...moved, why: broke ?? 'closed' }
}
