import { Fault } from '../../api/fault.ts'
import type { ProcessOptions, RunningProcess } from '../../core/pods/running-process.ts'
import type { ObservedContainer } from '../../core/pods/runtime.ts'
import { socketConnection } from '../../lib/socket-connection.ts'
import { inspectContainer } from '../containers.ts'
import type { Engine } from '../engine/open-engine.ts'
import { objectOf } from '../parse.ts'
import { processInput } from './process-input.ts'
import { processOutputs } from './process-outputs.ts'

/**
 * The first process of a container, from now on.
 *
 * @throws Fault Runtime with the engine's cause; Unavailable when its connection broke
 */
export const attachTo = async (of: {
  readonly engine: Engine
  readonly engineId: string
  readonly options: ProcessOptions
  /** How the container is, once the engine has written its end down. */
  readonly ended: () => Promise<ObservedContainer | undefined>
  readonly signal: AbortSignal
}): Promise<RunningProcess> => {
  const { engine, engineId, options } = of
  const config = objectOf((await inspectContainer(engine.containers, engineId))['Config'], 'the config of a container')
  const hasTerminal = config['Tty'] === true
  const { socket, head } = await engine.streams.upgrade({
    path: `/containers/${engineId}/attach`,
    query: {
      stream: 'true',
      logs: 'false',
      stdin: String(options.stdin),
      stdout: String(options.stdout),
      stderr: String(options.stderr && !hasTerminal),
    },
    signal: of.signal,
    doing: 'attach to a container',
  })
  const connection = socketConnection(socket, head)
  const outputs = processOutputs(connection.incoming, { isFramed: !hasTerminal })
  const exitCode = outputs.ended.then(async () => {
    const one = await of.ended()
    if (one?.state === 'exited' && one.exitCode !== undefined) return one.exitCode
    throw new Fault('Unavailable', 'the connection to the container ended before its process did')
  })
  exitCode.catch(() => undefined)
  const resize: RunningProcess['resize'] = async size => {
    if (!hasTerminal) return
    await engine.containers.call({
      method: 'POST',
      path: `/containers/${engineId}/resize`,
      query: { h: String(size.rows), w: String(size.columns) },
      doing: 'resize the terminal of a container',
    })
  }
  if (options.size !== undefined) await resize(options.size)
  return {
    stdin: processInput(connection),
    stdout: outputs.stdout,
    stderr: outputs.stderr,
    resize,
    exitCode,
    async close() {
      connection.close()
    },
  }
}
