import { Fault } from '../../api/fault.ts'
import type { RemoteProcess } from '../ports.ts'
import { processChannels } from '../streams/process-channels.ts'
import { accepted, asProcess } from './opened-bytes.ts'
import type { NodeUpgrade, RemoteParts } from './remote-door.ts'
import { watchedProcess, within } from './watched-streams.ts'

/** A tar archive of `?path=`, on the channel of standard output; with `to=node` one into it, on that of standard input. */
export const copyNode = async (request: NodeUpgrade, of: RemoteParts): Promise<void> => {
  const { http, node, caller, facts } = request
  const path = http.query.get('path') ?? ''
  if (!/^\/[^\0]{0,4095}$/.test(path)) throw new Fault('BadRequest', 'path: expected an absolute path of the device')
  const isToNode = http.query.get('to') === 'node'
  const detail = `${isToNode ? 'to' : 'from'} ${path}`
  const session = of.sessions.begin({ ...facts, what: 'copy', detail })
  const open = async (): Promise<RemoteProcess> => {
    const stream = await within(session, http.signal, async signal => {
      const type = isToNode ? 'node-copy-in' : 'node-copy-out'
      return accepted(await of.nodes.open(node, type, { by: caller.user, path }), signal)
    })
    if (!isToNode) stream.end()
    return watchedProcess(asProcess(stream), session)
  }
  try {
    await processChannels({ request: http, socket: request.socket, head: request.head, open, clock: of.clock })
  } finally {
    session.end('closed')
  }
}
