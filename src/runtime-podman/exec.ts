import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { Fault } from '../api/fault.ts'
import type { ExecResult } from '../core/pods/runtime.ts'
import { pidIn, processNow, signalProcess, treeOf } from './processes.ts'

/** Bytes of output that are kept; what is more is thrown away. */
const mostBytes = 16 * 1024

/** How long the OCI runtime has to end after its command was killed. */
const reapMs = 2000

/**
 * Runs a command in a container through the OCI runtime itself: no engine, nothing written to the card.
 * When its time is over the command and all that it started are killed.
 *
 * @throws Fault Machine where the OCI runtime cannot be run
 */
export const execInContainer = async (of: {
  readonly ociRuntimePath: string
  readonly engineId: string
  readonly command: readonly string[]
  readonly timeoutMs: number
  /** On a tmpfs. */
  readonly runFolder: string
}): Promise<ExecResult> => {
  const folder = await mkdtemp(`${of.runFolder}/exec-`)
  const pidFile = `${folder}/pid`
  try {
    return await run(of, pidFile)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const run = (of: Parameters<typeof execInContainer>[0], pidFile: string): Promise<ExecResult> =>
  new Promise((resolve, reject) => {
    const child = spawn(of.ociRuntimePath, ['exec', '--pid-file', pidFile, of.engineId, ...of.command], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
    })
    const chunks: Buffer[] = []
    let bytes = 0
    let isLate = false
    let last: NodeJS.Timeout | undefined
    const take = (chunk: Buffer): void => {
      if (bytes < mostBytes) chunks.push(chunk.subarray(0, mostBytes - bytes))
      bytes += chunk.length
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    const timer = setTimeout(() => {
      isLate = true
      // The command is below the OCI runtime's own process, which is left to reap it and then ends by itself.
      const own = child.pid ?? 0
      const below = treeOf(own).filter(pid => pid !== own)
      for (const pid of [...treeOf(pidIn(pidFile) ?? 0), ...below]) {
        const one = processNow(pid)
        if (one !== undefined) signalProcess(one, 'SIGKILL')
      }
      if (below.length === 0) child.kill('SIGKILL')
      last = setTimeout(() => child.kill('SIGKILL'), reapMs)
      // Whatever kept the pipes open is not waited for.
      child.stdout.destroy()
      child.stderr.destroy()
    }, of.timeoutMs)
    child.on('error', error => {
      clearTimeout(timer)
      reject(new Fault('Machine', `cannot run ${of.ociRuntimePath} for a command in a container`, {}, error))
    })
    child.on('close', code => {
      clearTimeout(timer)
      clearTimeout(last)
      const output = Buffer.concat(chunks).toString()
      resolve(isLate ? { exitCode: 124, output, timedOut: true } : { exitCode: code ?? 137, output, timedOut: false })
    })
  })
