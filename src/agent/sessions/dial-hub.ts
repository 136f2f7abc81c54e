import { WebSocket } from 'ws'
import { describeError, Fault } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'

const mostMessageBytes = 64 * 1024
/** The next address is tried when this one has failed, or said nothing for so long. RFC 8305 has the idea. */
const nextMs = 1000
/** All of them together: whoever asked for the session waits for it. */
const dialMs = 6000

/**
 * Dials the hub at its addresses, one after another without waiting for each to fail. The first that opens is taken; the
 * hub takes a token once, so that no second one does.
 *
 * @returns what was dialled, in words
 * @throws Fault Unavailable with what each address said
 */
export const dialHub = (of: {
  /** `host:port` */
  readonly hosts: readonly string[]
  readonly path: string
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string; readonly servername: string }
  readonly clock: Clock
  /** Called at once when a socket has opened. */
  readonly opened: (socket: WebSocket) => void
}): Promise<string> =>
  new Promise((resolve, reject) => {
    const waiting = [...new Set(of.hosts)]
    const trying = new Map<WebSocket, string>()
    const failures: string[] = []
    let isOver = false
    let cancelNext = (): void => {}

    const finish = (act: () => void): void => {
      if (isOver) return
      isOver = true
      cancelNext()
      cancelAll()
      for (const socket of trying.keys()) socket.terminate()
      act()
    }
    const failed = (): void =>
      finish(() => reject(new Fault('Unavailable', `no session could be opened (${failures.join('; ')})`)))
    const cancelAll = of.clock.after(dialMs, () => {
      for (const host of trying.values()) failures.push(`${host}: no answer in ${dialMs} ms`)
      failed()
    })

    const next = (): void => {
      cancelNext()
      const host = waiting.shift()
      if (host === undefined) {
        if (trying.size === 0) failed()
        return
      }
      const socket = new WebSocket(`wss://${host}${of.path}`, {
        ...of.tls,
        maxPayload: mostMessageBytes,
        perMessageDeflate: false,
        handshakeTimeout: dialMs,
        followRedirects: false,
      })
      trying.set(socket, host)
      socket.on('error', error => {
        // One that has opened is the session's.
        if (!trying.delete(socket) || isOver) return
        failures.push(`${host}: ${describeError(error)}`)
        next()
      })
      socket.once('open', () => {
        trying.delete(socket)
        if (isOver) {
          socket.terminate()
          return
        }
        finish(() => {
          try {
            of.opened(socket)
            resolve(`dialled ${host}`)
          } catch (error) {
            socket.terminate()
            reject(error)
          }
        })
      })
      cancelNext = of.clock.after(nextMs, next)
    }
    next()
  })
