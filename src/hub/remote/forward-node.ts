import { Fault } from '../../api/fault.ts'
import { forwardChannels, portsOf } from '../streams/forward-channels.ts'
import { accepted } from './opened-bytes.ts'
import type { NodeRequest, NodeUpgrade, RemoteParts } from './remote-door.ts'
import { watchedBytes, within } from './watched-streams.ts'

/**
 * Whether the device would make such a connection, asked of it: nothing is dialled. So that a client need not offer a
 * port of its own that leads nowhere.
 *
 * @throws Fault Forbidden as the device's policy says; NotFound where it does not know the host; Unavailable
 */
export const askForward = async (request: NodeRequest, of: RemoteParts): Promise<void> => {
  const { http, node, caller, facts } = request
  const { host, ports } = targetOf(http.query)
  for (const port of ports) {
    const session = of.sessions.begin({ ...facts, what: 'forward', detail: `${host}:${port}, whether it is allowed` })
    await within(session, http.signal, async signal => {
      const wish = { by: caller.user, host, port, onlyAsk: true }
      const stream = await accepted(await of.nodes.open(node, 'node-forward', wish), signal)
      stream.end()
      await stream.result
    })
    session.end('allowed')
  }
}

/** @throws Fault BadRequest */
const targetOf = (query: URLSearchParams): { readonly host: string; readonly ports: readonly number[] } => {
  const host = query.get('host') ?? 'localhost'
  if (!/^[A-Za-z0-9:][A-Za-z0-9.:-]{0,252}$/.test(host))
    throw new Fault('BadRequest', 'host: expected a name or an address')
  const ports = portsOf(query)
  if (ports.length === 0) throw new Fault('BadRequest', 'query parameter "ports" is required')
  return { host, ports }
}

/** A TCP connection from the device to `?host=` and `?ports=`, in the channels of a pod's port-forward. */
export const forwardNode = async (request: NodeUpgrade, of: RemoteParts): Promise<void> => {
  const { http, node, caller, facts, socket, head } = request
  const { host, ports } = targetOf(http.query)
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
