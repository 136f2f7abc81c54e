import { Fault } from '../../api/fault.ts'
import type { HttpResponse } from '../rest/door.ts'
import { queryFlag, queryNumber } from '../rest/query.ts'
import { accepted } from './opened-bytes.ts'
import type { NodeRequest, RemoteParts } from './remote-door.ts'
import { watchedOutput, within } from './watched-streams.ts'

/** GET of a device's journal: text, as it comes. */
export const journalNode = async (request: NodeRequest, of: RemoteParts): Promise<HttpResponse> => {
  const { http, node, caller, facts } = request
  const unit = http.query.get('unit') ?? ''
  if (unit !== '' && !/^[A-Za-z0-9][A-Za-z0-9:_.@\\-]{0,254}$/.test(unit))
    throw new Fault('BadRequest', 'unit: expected the name of a systemd unit')
  const lines = queryNumber(http.query, 'tailLines')
  const sinceSeconds = queryNumber(http.query, 'sinceSeconds')
  const session = of.sessions.begin({ ...facts, what: 'journal', ...(unit === '' ? {} : { detail: unit }) })
  const stream = await within(session, http.signal, async signal => {
    const wish = {
      by: caller.user,
      follow: queryFlag(http.query, 'follow'),
      ...(unit === '' ? {} : { unit }),
      ...(lines === undefined ? {} : { lines }),
      ...(sinceSeconds === undefined ? {} : { sinceSeconds }),
    }
    return accepted(await of.nodes.open(node, 'journal', wish), signal)
  })
  stream.end()
  return { status: 200, headers: { 'content-type': 'text/plain' }, body: watchedOutput(stream.incoming, session) }
}
