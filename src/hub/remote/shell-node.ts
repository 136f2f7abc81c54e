import { describeError, Fault } from '../../api/fault.ts'
import { remoteProcess } from '../fleet/remote-process.ts'
import type { RemoteProcess } from '../ports.ts'
import { queryFlag, queryNumber } from '../rest/query.ts'
import { processChannels } from '../streams/process-channels.ts'
import type { NodeUpgrade, RemoteParts } from './remote-door.ts'
import { watchedProcess, within } from './watched-streams.ts'

const mostWords = 1000
const mostCells = 10_000

/**
 * A shell of the device. `?session=` is its name, which the client chooses; with `resume=true` it is one that was left.
 * When the client goes, the device keeps a shell that has a terminal for a while.
 */
export const shellNode = async (request: NodeUpgrade, of: RemoteParts): Promise<void> => {
  const { http, node, caller, facts } = request
  const wish = shellWish(http.query)
  const detail = [wish.user === undefined ? '' : `as ${wish.user}`, wish.command.join(' ')].filter(one => one !== '')
  const session = of.sessions.begin(
    { ...facts, what: 'shell', ...(detail.length === 0 ? {} : { detail: detail.join(': ') }) },
    { id: wish.session, takeOver: wish.resume },
  )
  let clientWent = false
  const open = async (): Promise<RemoteProcess> => {
    const process = await within(session, http.signal, async signal =>
      remoteProcess({
        session: await of.nodes.session(node),
        type: 'shell',
        request: { ...wish, by: caller.user },
        signal,
      }),
    )
    void process.result.then(result => {
      clientWent = result.exitCode === undefined
    })
    return watchedProcess(process, session)
  }
  try {
    await processChannels({ request: http, socket: request.socket, head: request.head, open, clock: of.clock })
    if (wish.tty && clientWent) of.shells.left(wish.session, node)
  } catch (error) {
    session.end(describeError(error))
    throw error
  }
}

/** @throws Fault BadRequest */
const shellWish = (query: URLSearchParams) => {
  const session = query.get('session') ?? ''
  if (!/^[a-z0-9]{8,32}$/.test(session))
    throw new Fault('BadRequest', 'session: expected 8 to 32 of a-z and 0-9, the name of the shell')
  const command = query.getAll('command')
  if (command.length > mostWords) throw new Fault('BadRequest', `command: at most ${mostWords} words`)
  const tty = queryFlag(query, 'tty')
  const columns = queryNumber(query, 'columns')
  const rows = queryNumber(query, 'rows')
  const isSize = (value: number | undefined): value is number => value !== undefined && value >= 1 && value <= mostCells
  const user = query.get('user') ?? ''
  const term = query.get('term') ?? ''
  return {
    session,
    resume: queryFlag(query, 'resume'),
    ...(user === '' ? {} : { user }),
    command,
    term: /^[A-Za-z0-9][A-Za-z0-9+._-]{0,63}$/.test(term) ? term : 'xterm',
    tty,
    stdin: true,
    stdout: true,
    stderr: !tty,
    ...(tty && isSize(columns) && isSize(rows) ? { size: { columns, rows } } : {}),
  }
}
