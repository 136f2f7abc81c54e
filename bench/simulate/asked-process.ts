import { spawn } from 'node:child_process'

/** A process of the simulation that answers questions. */
export interface AskedProcess<Ask> {
  readonly pid: number
  /** The exit code, or the signal's name. */
  readonly ended: Promise<number | string>
  ask<T>(ask: Ask): Promise<T>
  /** SIGTERM, and SIGKILL after ten seconds. */
  stop(): Promise<void>
}

/** @example const hub = askedProcess<AskHub>({ name: 'hub', words: [process.execPath, 'hub-process.ts'], log: 2 }) */
export const askedProcess = <Ask>(of: {
  readonly name: string
  readonly words: readonly string[]
  /** A file descriptor for what it writes. */
  readonly log: number
}): AskedProcess<Ask> => {
  const [program = '', ...args] = of.words
  const child = spawn(program, args, { stdio: ['ignore', of.log, of.log, 'ipc'], serialization: 'advanced' })
  const waiting = new Map<number, { resolve(value: never): void; reject(error: Error): void }>()
  let last = 0
  child.on('message', ({ id, value, error }: { id: number; value: never; error?: string }) => {
    const one = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) one?.resolve(value)
    else one?.reject(new Error(`${of.name}: ${error}`))
  })
  const ended = new Promise<number | string>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      for (const one of waiting.values()) one.reject(new Error(`${of.name} ended (${code ?? signal})`))
      waiting.clear()
      resolve(code ?? signal ?? 0)
    })
  })
  return {
    pid: child.pid ?? 0,
    ended,
    ask: <T>(ask: Ask) =>
      new Promise<T>((resolve, reject) => {
        last += 1
        waiting.set(last, { resolve, reject })
        child.send({ id: last, ask }, error => {
          if (error !== null) reject(error)
        })
      }),
    async stop() {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
      await ended
      clearTimeout(timer)
    },
  }
}
