import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** One of our own processes, its log in a file. */
export interface Child {
  readonly name: string
  readonly logPath: string
  readonly pid: number
  /** Resolves with the exit code when it ends. */
  readonly ended: Promise<number>
  readonly hasEnded: boolean
  /** The last lines it wrote. */
  tail(): string
  /** SIGTERM, and SIGKILL after `graceMs`. Resolves when it is gone. */
  stop(graceMs: number): Promise<void>
}

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** Starts `dunlin WORDS…` under this very Node, in a process group of its own so that Ctrl-C reaches only us. `program`: another build's main. */
export const startChild = (
  name: string,
  words: readonly string[],
  logPath: string,
  program = main,
  env: { readonly [name: string]: string } = {},
): Child => {
  const log = createWriteStream(logPath, { flags: 'a', mode: 0o600 })
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, ...env },
  })
  let last: readonly string[] = []
  const keep = (chunk: Buffer): void => {
    log.write(chunk)
    last = [
      ...last,
      ...chunk
        .toString('utf8')
        .split('\n')
        .filter(line => line !== ''),
    ].slice(-12)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  let hasEnded = false
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      hasEnded = true
      log.end()
      resolve(code ?? (signal === 'SIGKILL' ? 137 : 143))
    })
  })
  return {
    name,
    logPath,
    pid: child.pid ?? 0,
    ended,
    get hasEnded() {
      return hasEnded
    },
    tail: () => last.join('\n'),
    async stop(graceMs) {
      if (hasEnded) return
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
      await ended
      clearTimeout(timer)
    },
  }
}
