import { constants } from 'node:os'
import { Fault } from '../../api/fault.ts'
import type { ProcessOptions, RunningProcess } from '../../core/pods/running-process.ts'
import type { Clock } from '../../lib/clock.ts'
import { socketConnection } from '../../lib/socket-connection.ts'
import type { Engine } from '../engine/open-engine.ts'
import { objectOf, textOf } from '../parse.ts'
import { type ProcessId, processNow } from '../processes.ts'
import { endSession } from './end-session.ts'
import { processInput } from './process-input.ts'
import { processOutputs } from './process-outputs.ts'

/*
 *   create ──> start, upgraded to a raw connection ──> stdin, stdout, stderr ──> its end ──> inspect: exit code
 *                                │
 *                                └─> inspect: its process, which lives on when the connection goes: close() ends it
 */

/** Looks at a session for its process or its end, 18 seconds in all; each costs the engine 3 ms. */
const mostLooks = 100
const lookMs = (looks: number): number => Math.min(20 + 5 * looks, 200)

interface ExecState {
  readonly isRunning: boolean
  /** It ran and has ended. podman: not running is also one that has not begun. */
  readonly isOver: boolean
  readonly pid: number
  readonly exitCode: number
}

/**
 * A command in a container, by the engine's own exec. podman: its process outlives the connection and the service.
 *
 * @throws Fault Runtime with the engine's cause; Unavailable when its connection broke
 */
export const openExec = async (of: {
  readonly engine: Engine
  readonly engineId: string
  readonly request: ProcessOptions & { readonly command: readonly string[] }
  readonly cgroupProcesses: () => readonly number[]
  readonly signal: AbortSignal
  readonly clock: Clock
}): Promise<RunningProcess> => {
  const { engine, request, signal, clock } = of
  const id = await create(of)
  const path = `/exec/${id}`
  const inspect = async (): Promise<ExecState> =>
    stateOf(await engine.containers.json({ path: `${path}/json`, doing: 'look at a command in a container' }))

  signal.throwIfAborted()
  // Not by the caller's signal: a command that may have begun must be found and ended, not forgotten.
  const { socket, head } = await engine.streams.upgrade({
    path: `${path}/start`,
    body: {
      Detach: false,
      Tty: request.tty,
      ...(request.tty && request.size !== undefined ? { h: request.size.rows, w: request.size.columns } : {}),
    },
    signal: new AbortController().signal,
    doing: 'start a command in a container',
  })
  const connection = socketConnection(socket, head)
  const outputs = processOutputs(connection.incoming, { isFramed: !request.tty })
  let isEnded = false
  const leader = findProcess(inspect, { isEnded: () => isEnded, clock })
  leader.catch(() => undefined)
  const exitCode = outputs.ended.then(async () => await exitCodeOf(inspect, clock))
  exitCode.catch(() => undefined)
  const end = (): void => {
    isEnded = true
  }
  outputs.ended.then(end, end)
  let closing: Promise<void> | undefined

  return {
    stdin: processInput(connection),
    stdout: outputs.stdout,
    stderr: outputs.stderr,
    async resize(size) {
      if (!request.tty || closing !== undefined) return
      await engine.containers.call({
        method: 'POST',
        path: `${path}/resize`,
        query: { h: String(size.rows), w: String(size.columns) },
        doing: 'resize a terminal in a container',
      })
    },
    exitCode,
    close() {
      closing ??= (async () => {
        // Known before its input ends: a command that ends of that leaves nobody to tell what it started.
        const found = await leader.catch(() => undefined)
        connection.close()
        if (found !== undefined) await endSession({ leader: found, cgroupProcesses: of.cgroupProcesses, clock })
      })()
      return closing
    },
  }
}

const create = async (of: Parameters<typeof openExec>[0]): Promise<string> => {
  const { request } = of
  const answer = await of.engine.containers.json({
    method: 'POST',
    path: `/containers/${of.engineId}/exec`,
    body: {
      AttachStdin: request.stdin,
      AttachStdout: request.stdout,
      AttachStderr: request.stderr && !request.tty,
      Tty: request.tty,
      Cmd: request.command,
      // As Kubernetes' runtimes do for a terminal.
      ...(request.tty ? { Env: ['TERM=xterm'] } : {}),
    },
    doing: 'make a command in a container',
  })
  const id = textOf(objectOf(answer, 'a made exec')['Id'], 'the id of an exec')
  if (/^[0-9a-f]{1,128}$/.test(id)) return id
  throw new Fault('Malformed', 'the engine answered nonsense: the id of an exec is not hexadecimal')
}

const stateOf = (answer: unknown): ExecState => {
  const fields = objectOf(answer, 'an exec')
  return {
    isRunning: fields['Running'] === true,
    isOver: fields['CanRemove'] === true,
    pid: typeof fields['Pid'] === 'number' ? fields['Pid'] : 0,
    exitCode: typeof fields['ExitCode'] === 'number' ? fields['ExitCode'] : 0,
  }
}

const pause = (clock: Clock, looks: number): Promise<void> =>
  new Promise(resolve => void clock.after(lookMs(looks), resolve))

/** Its process on this machine; undefined when it has ended already, or never began. */
const findProcess = async (
  inspect: () => Promise<ExecState>,
  of: { readonly isEnded: () => boolean; readonly clock: Clock },
): Promise<ProcessId | undefined> => {
  for (let looks = 0; looks < mostLooks; looks += 1) {
    const isLast = of.isEnded()
    const state = await inspect()
    if (state.pid > 0) return processNow(state.pid)
    if (state.isOver || isLast) return undefined
    await pause(of.clock, looks)
  }
  return undefined
}

/** podman writes the end down before it closes the connection, but for one whose service was killed. */
const exitCodeOf = async (inspect: () => Promise<ExecState>, clock: Clock): Promise<number> => {
  for (let looks = 0; looks < mostLooks; looks += 1) {
    const state = await inspect()
    if (!state.isRunning) return state.exitCode < 0 ? 128 + constants.signals.SIGKILL : state.exitCode
    await pause(clock, looks)
  }
  throw new Fault('Unavailable', 'the connection to the engine broke while a command ran in a container')
}
