import { type ChildProcess, spawn } from 'node:child_process'
import { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { Fault } from '../../api/fault.ts'
import type { ByteConnection } from '../../lib/byte-connection.ts'
import type { Clock } from '../../lib/clock.ts'
import { type Settled, settled } from '../../lib/settled.ts'
import { socketConnection } from '../../lib/socket-connection.ts'
import { numberOf, objectOf } from '../parse.ts'

/*
 *   connect(uid, port) ──> nsenter --net=<pod> node connect-child ──> its sockets come back over IPC
 *   one child a pod, gone ten seconds after its last connection was made
 */

export interface ConnectInside {
  /** @throws Fault Unavailable when nothing listens there; Machine where the namespace cannot be entered */
  connect(netnsPath: string, port: number, signal: AbortSignal): Promise<ByteConnection>
  close(): void
}

const lingerMs = 10_000
const connectMs = 10_000
/** Asked of one child at a time. */
const mostWaiting = 64

interface Entered {
  readonly child: ChildProcess
  readonly waiting: Map<number, Settled<Socket>>
  cancelLinger: () => void
}

/** The same file beside this one, as a source or bundled. */
const childPath = (): string =>
  fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './connect-child.ts' : './connect-child.js', import.meta.url))

/**
 * Connections made inside pods' network namespaces, for what listens on their localhost only. Nothing is needed in
 * the image: the child is of our own runtime, and only its sockets are used.
 *
 * @example const inside = connectInside({ clock }); const connection = await inside.connect(netnsPath, 8080, signal)
 */
export const connectInside = (of: { readonly clock: Clock }): ConnectInside => {
  const children = new Map<string, Entered>()
  let lastId = 0

  const enter = (netnsPath: string): Entered => {
    const there = children.get(netnsPath)
    if (there?.child.connected) return there
    const child = spawn('nsenter', [`--net=${netnsPath}`, '--', process.execPath, childPath()], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin' },
    })
    const one: Entered = { child, waiting: new Map(), cancelLinger: () => {} }
    let words = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      words = `${words}${chunk.toString()}`.slice(0, 2000)
    })
    const over = (error: unknown): void => {
      one.cancelLinger()
      if (children.get(netnsPath) === one) children.delete(netnsPath)
      for (const wanted of one.waiting.values())
        wanted.reject(new Fault('Machine', `the pod's network could not be entered: ${words.trim()}`, {}, error))
      one.waiting.clear()
    }
    child.on('error', over)
    child.on('exit', code => over(new Error(`nsenter ended with ${code}`)))
    child.on('message', (message, handle) => {
      const { id: answered, error } = objectOf(message, 'the word of a child')
      const id = numberOf(answered, 'the number of a connection')
      const wanted = one.waiting.get(id)
      one.waiting.delete(id)
      if (one.waiting.size === 0) one.cancelLinger = of.clock.after(lingerMs, () => child.kill())
      if (!(handle instanceof Socket))
        wanted?.reject(
          new Fault(
            'Unavailable',
            `nothing listens in the pod: ${typeof error === 'string' ? error : 'no connection came'}`,
          ),
        )
      else if (wanted === undefined) handle.destroy()
      else wanted.resolve(handle)
    })
    children.set(netnsPath, one)
    return one
  }

  return {
    async connect(netnsPath, port, signal) {
      signal.throwIfAborted()
      const one = enter(netnsPath)
      if (one.waiting.size >= mostWaiting)
        throw new Fault('TooManyRequests', `${mostWaiting} connections into this pod are being made already`)
      one.cancelLinger()
      lastId += 1
      const id = lastId
      const wanted = settled<Socket>()
      one.waiting.set(id, wanted)
      const giveUp = (error: unknown): void => {
        one.waiting.delete(id)
        wanted.reject(error)
      }
      const cancel = of.clock.after(connectMs, () =>
        giveUp(new Fault('Timeout', `port ${port} of the pod did not answer in ${connectMs / 1000} s`)),
      )
      const abort = (): void => giveUp(signal.reason)
      signal.addEventListener('abort', abort, { once: true })
      one.child.send({ id, port }, error => {
        if (error !== null) giveUp(new Fault('Machine', "the pod's network could not be entered", {}, error))
      })
      try {
        const socket = await wanted.promise
        // What comes over IPC does not say so itself.
        socket.allowHalfOpen = true
        return socketConnection(socket)
      } finally {
        cancel()
        signal.removeEventListener('abort', abort)
      }
    },
    close() {
      for (const { child, cancelLinger } of children.values()) {
        cancelLinger()
        child.kill()
      }
      children.clear()
    },
  }
}
