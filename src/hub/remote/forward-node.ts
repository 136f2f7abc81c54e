import { Fault } from '../../api/fault.ts'
import { forwardChannels, portsOf } from '../streams/forward-channels.ts'
import { accepted } from './opened-bytes.ts'
import type { NodeUpgrade, RemoteParts } from './remote-door.ts'
import { watchedBytes, within } from './watched-streams.ts'

/** A TCP connection from the device to `?host=` and `?ports=`, in the channels of a pod's port-forward. */
export const forwardNode = async (request: NodeUpgrade, of: RemoteParts): Promise<void> => {
  const { http, node, caller, facts, socket, head } = request
  const host = http.query.get('host') ?? 'localhost'
  if (!/^[A-Za-z0-9:][A-Za-z0-9.:-]{0,252}$/.test(host))
    throw new Fault('BadRequest', 'host: expected a name or an address')
  const ports = portsOf(http.query)
  if (ports.length === 0) throw new Fault('BadRequest', 'query parameter "ports" is required')
  await forwardChannels({
    http,
    socket,
    head,
    accepted() {},
    ports,
    clock: of.clock,
    async open(port) {
      const session = of.sessions.begin({ ...facts, what: 'forward', detail: `${host}:${port}` })
      const stream = await within(session, http.signal, async signal =>
        accepted(await of.nodes.open(node, 'node-forward', { by: caller.user, host, port }), signal),
      )
      return watchedBytes(stream, session)
    },
  })
}
