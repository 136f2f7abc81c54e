import { writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { Fault } from '../../api/fault.ts'

/** A process with a terminal of its own. */
export interface Pty {
  readonly pid: number
  /** One listener. The chunks are bytes as the program wrote them, not always whole characters. */
  onOutput(listener: (bytes: Uint8Array) => void): void
  /** The program stops when it has written what the kernel holds for a terminal, a few KiB. */
  pause(): void
  resume(): void
  /** Resolves when the terminal has taken all of it; what an ended program did not read is dropped. */
  write(bytes: Uint8Array): Promise<void>
  resize(size: { readonly columns: number; readonly rows: number }): void
  /** The exit code, or 128 and the signal, when all of its output was given out. */
  readonly exited: Promise<number>
  /** Hangs up: the program is told, and killed when it stays. */
  hangUp(): void
}

export type OpenPty = (of: {
  readonly program: string
  readonly args: readonly string[]
  readonly env: { readonly [name: string]: string }
  readonly cwd: string
  readonly size: { readonly columns: number; readonly rows: number }
}) => Pty

/** How long a program has after it was hung up. */
const hangUpMs = 3000
/** A program that does not read is asked again after so long; longer each time. */
const leastWaitMs = 2
const mostWaitMs = 100
const mostWriteBytes = 4096

/**
 * Loads what makes terminals: a package with a binary for each architecture, which a device may lack.
 *
 * @throws Fault Machine that says what is missing and what brings it
 * @example const openPty = await loadPty()
 */
export const loadPty = async (): Promise<OpenPty> => {
  let spawn: typeof import('@lydell/node-pty').spawn
  try {
    spawn = (await import('@lydell/node-pty')).spawn
  } catch (error) {
    throw new Fault(
      'Machine',
      `this device cannot make terminals: the package @lydell/node-pty with its binary for ${process.platform}-${process.arch} cannot be loaded. Where the agent is installed, run: npm install --no-save @lydell/node-pty@1.1.0. Commands without a terminal, logs, copies and forwards work without it`,
      {},
      error,
    )
  }
  return of => {
    const { program, args, env, cwd, size } = of
    const pty = spawn(program, [...args], {
      cwd,
      env: { ...env },
      cols: size.columns,
      rows: size.rows,
      encoding: null,
      ...(env['TERM'] === undefined ? {} : { name: env['TERM'] }),
    })
    // The package's own write blocks the whole process while the program does not read.
    const socket: unknown = Reflect.get(pty, '_socket')
    const fd: unknown = Reflect.get(pty, 'fd')
    if (!(socket instanceof Socket) || typeof fd !== 'number')
      throw new Error('this version of @lydell/node-pty keeps its terminal elsewhere')
    let hasExited = false
    const exited = new Promise<number>(resolve => {
      pty.onExit(({ exitCode, signal }) => {
        hasExited = true
        resolve(signal === undefined || signal === 0 ? exitCode : 128 + signal)
      })
    })
    return {
      pid: pty.pid,
      onOutput: listener => {
        // With no encoding the chunks are bytes, whatever the types say.
        pty.onData((chunk: string | Uint8Array) => listener(typeof chunk === 'string' ? Buffer.from(chunk) : chunk))
      },
      pause: () => pty.pause(),
      resume: () => {
        if (!hasExited) pty.resume()
      },
      async write(bytes) {
        let waitMs = leastWaitMs
        for (let at = 0; at < bytes.length; ) {
          // Checked in the same turn as the write: a closed descriptor's number may be another file's by now.
          if (hasExited || socket.destroyed) return
          const taken = writeSome(fd, bytes.subarray(at, at + mostWriteBytes))
          if (taken === 'gone') return
          at += taken
          waitMs = taken === 0 ? Math.min(waitMs * 2, mostWaitMs) : leastWaitMs
          if (taken === 0) await pause(waitMs)
        }
      },
      resize(to) {
        if (!hasExited && !socket.destroyed) pty.resize(to.columns, to.rows)
      },
      exited,
      hangUp() {
        if (hasExited) return
        pty.kill('SIGHUP')
        pty.resume()
        setTimeout(() => {
          if (!hasExited) pty.kill('SIGKILL')
        }, hangUpMs).unref()
      },
    }
  }
}

/** Bytes that the terminal took; 0 when it is full. */
const writeSome = (fd: number, bytes: Uint8Array): number | 'gone' => {
  try {
    return writeSync(fd, bytes)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EAGAIN') return 0
    if (code === 'EIO' || code === 'EBADF') return 'gone'
    throw error
  }
}
