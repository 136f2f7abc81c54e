import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { Fault } from '../../api/fault.ts'
import type { RunningProcess } from '../../core/pods/running-process.ts'
import type { StartAs } from './accounts.ts'

/** How long a program has after it was told to end. */
const endingMs = 3000
const nothing: AsyncIterable<Uint8Array> = { async *[Symbol.asyncIterator]() {} }

/**
 * Starts a program with pipes, in a process group of its own. Resolves when it runs.
 *
 * @throws Fault Machine when it cannot be started
 */
export const pipedProcess = (start: StartAs, streams: { readonly stderr: boolean }): Promise<RunningProcess> =>
  new Promise((resolve, reject) => {
    const child = spawn(start.program, start.args, {
      cwd: start.cwd,
      env: start.env,
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    })
    const { pid, stdin, stdout, stderr } = child
    child.once('error', error =>
      reject(new Fault('Machine', `${start.program} cannot be started: ${error.message}`, {}, error)),
    )
    // An input that was closed: what is written to it is dropped.
    stdin.on('error', () => {})
    if (!streams.stderr) stderr.resume()
    let hasEnded = false
    const exitCode = new Promise<number>(ended => {
      child.once('exit', (code, signal) => {
        hasEnded = true
        ended(code ?? 128 + signalNumber(signal))
      })
    })
    const kill = (signal: NodeJS.Signals): void => {
      if (hasEnded || pid === undefined) return
      try {
        process.kill(-pid, signal)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
    }
    child.once('spawn', () =>
      resolve({
        stdin: {
          write: bytes =>
            new Promise(taken => {
              if (stdin.destroyed) taken()
              else stdin.write(bytes, () => taken())
            }),
          end: () => void stdin.end(),
        },
        stdout: bytesOf(stdout),
        stderr: streams.stderr ? bytesOf(stderr) : nothing,
        async resize() {},
        exitCode,
        async close() {
          stdin.destroy()
          stdout.destroy()
          stderr.destroy()
          kill('SIGHUP')
          kill('SIGTERM')
          const timer = setTimeout(() => kill('SIGKILL'), endingMs)
          await exitCode
          clearTimeout(timer)
        },
      }),
    )
  })

const signalNumber = (signal: NodeJS.Signals | null): number =>
  ({ SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGPIPE: 13, SIGTERM: 15 })[String(signal)] ?? 0

async function* bytesOf(stream: Readable): AsyncIterable<Uint8Array> {
  try {
    for await (const chunk of stream) yield chunk instanceof Uint8Array ? chunk : Buffer.from(String(chunk))
  } catch (error) {
    // Closed because nobody reads it any more.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  }
}
