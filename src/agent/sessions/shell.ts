import { Fault } from '../../api/fault.ts'
import { judgeShell } from '../../core/access/device-policy.ts'
import type { RunningProcess } from '../../core/pods/running-process.ts'
import type { Log } from '../../lib/log.ts'
import { parseShellRequest, parseShellsRequest, type ShellRequest } from '../../wire/side-channel/node-requests.ts'
import { startAs } from './accounts.ts'
import type { ReadPolicy } from './device-policy-file.ts'
import { pipedProcess } from './piped-process.ts'
import type { OpenPty } from './pty.ts'
import { serveProcess } from './serve-process.ts'
import { type StreamService, streamService } from './stream-service.ts'
import type { Terminals } from './terminals.ts'

export interface ShellParts {
  readonly policy: ReadPolicy
  readonly terminals: Terminals
  /** @throws Fault Machine where this device can make no terminals */
  readonly loadPty: () => Promise<OpenPty>
  readonly ownUid: number
  readonly lang: string
  readonly log: Log
}

/** A shell or a command on the device itself, as its policy allows. */
export const serveShell = (of: ShellParts): StreamService =>
  streamService('shell', parseShellRequest, async (request, stream, scope) => {
    const { by, session } = request
    const result = await serveProcess({ request, stream, scope, start: () => startShell(of, request) })
    of.log.info('nobody is at the shell any more', { session, by, ...result })
    return result
  })

const startShell = async (of: ShellParts, request: ShellRequest): Promise<RunningProcess> => {
  const { session, by, size } = request
  const policy = await of.policy()
  if (request.resume) {
    // Who may have no shell now has none that he left either.
    const judged = judgeShell(policy, {
      ...ofSession(of.terminals, session),
    })
    if (!judged.isAllowed) throw new Fault('Forbidden', judged.why)
    const process = of.terminals.attach(session, by)
    if (size !== undefined) await process.resize(size)
    return process
  }
  const { user: asked, command } = request
  const judged = judgeShell(policy, { command, ...(asked === undefined ? {} : { user: asked }) })
  if (!judged.isAllowed) throw new Fault('Forbidden', judged.why)
  const { user } = judged
  const start = await startAs({
    user,
    command: judged.command,
    ownUid: of.ownUid,
    lang: of.lang,
    ...(request.tty ? { term: request.term } : {}),
  })
  const facts = { session, by, user, command: judged.command }
  if (!request.tty) {
    const process = await pipedProcess(start, request)
    of.log.info('a command of the hub runs', facts)
    return process
  }
  const openPty = await of.loadPty()
  const { detachedSeconds = 0 } = policy.shell.isOn ? policy.shell : {}
  const process = of.terminals.open({
    session,
    by,
    user,
    command: judged.command,
    detachedSeconds,
    start: () => openPty({ ...start, size: size ?? { columns: 80, rows: 24 } }),
  })
  of.log.info('a shell was opened', facts)
  return process
}

const ofSession = (terminals: Terminals, session: string) => {
  const found = terminals.list().find(one => one.session === session)
  return found === undefined ? { command: [] } : { user: found.user, command: found.command }
}

/** Which shells live here; ends one of them before, where that is asked. */
export const serveShells = (of: { readonly terminals: Terminals }): StreamService =>
  streamService('shells', parseShellsRequest, async (request, stream) => {
    if (request.end !== undefined) await of.terminals.end(request.end)
    stream.accept()
    for (const report of of.terminals.list()) await stream.write(Buffer.from(`${JSON.stringify(report)}\n`))
    return undefined
  })
