import type { RunningProcess, TerminalSize } from '../../core/pods/running-process.ts'
import { settled } from '../../lib/settled.ts'
import { type ProcessStreams, parseTerminalSize } from '../../wire/side-channel/pod-requests.ts'
import type { StreamResult } from '../../wire/side-channel/requests.ts'
import type { ServedStream } from '../../wire/side-channel/streams.ts'
import type { SessionScope } from './stream-service.ts'

/*
 *   stream: hub ──> stdin     stdout ──> hub     updates ──> size of the terminal     result <── exit code
 *   stream `stderr`:          stderr ──> hub
 *
 *   either side gone ──> process.close()
 */

/**
 * Starts a process and puts it through to the hub, until it has ended or nobody is there any more.
 *
 * @throws what `start` throws: then no process was made
 * @example return await serveProcess({ request, stream, scope, start: signal => runtime.openExec(id, request, signal) })
 */
export const serveProcess = async (of: {
  readonly request: ProcessStreams
  readonly stream: ServedStream
  readonly scope: SessionScope
  readonly start: (signal: AbortSignal) => Promise<RunningProcess>
}): Promise<StreamResult> => {
  const { request, stream, scope } = of
  const started = settled<RunningProcess>()
  // Before anything is waited for: the stream of its standard error may be asked for by the next frame.
  const errors = request.stderr && !request.tty ? scope.errors.offer(stream.id, started.promise) : undefined
  let process: RunningProcess | undefined
  try {
    process = await of.start(stream.signal)
    started.resolve(process)
    stream.accept()
    return await talk(process, stream, errors?.passed)
  } catch (error) {
    started.reject(error)
    throw error
  } finally {
    errors?.close()
    await process?.close()
  }
}

const talk = async (
  process: RunningProcess,
  stream: ServedStream,
  errorsPassed: Promise<void> | undefined,
): Promise<StreamResult> => {
  stream.onUpdate(newestSize(process))
  const gone = new Promise<never>((_resolve, reject) => {
    const leave = (): void => reject(stream.signal.reason)
    if (stream.signal.aborted) leave()
    else stream.signal.addEventListener('abort', leave, { once: true })
  })
  gone.catch(() => undefined)
  void passInput(process, stream)
  const output = (async () => {
    for await (const chunk of process.stdout) await stream.write(chunk)
  })()
  await Promise.race([gone, Promise.all([output, errorsPassed])])
  return { exitCode: await Promise.race([gone, process.exitCode]) }
}

const passInput = async (process: RunningProcess, stream: ServedStream): Promise<void> => {
  try {
    for await (const chunk of stream.incoming) await process.stdin.write(chunk)
    process.stdin.end()
  } catch {
    // The stream was given up, or the process has ended: whoever waits for either hears of it there.
  }
}

/** One change of size at a time; of those that come meanwhile only the last counts. */
const newestSize = (process: RunningProcess): ((value: unknown) => void) => {
  let wanted: TerminalSize | undefined
  let isBusy = false
  const run = async (): Promise<void> => {
    while (wanted !== undefined) {
      const size = wanted
      wanted = undefined
      await process.resize(size)
    }
  }
  return value => {
    wanted = parseTerminalSize(value, 'size')
    if (isBusy) return
    isBusy = true
    void run()
      // A terminal that cannot be resized is still a terminal, and one that has ended needs no size.
      .catch(() => undefined)
      .finally(() => {
        isBusy = false
      })
  }
}
