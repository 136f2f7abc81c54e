import type { Server, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import type { Target } from '../../core/services/compile.ts'
import { resetConnection } from '../../lib/reset-connection.ts'
import type { Listener, ListenerOptions } from './listener.ts'

/** Connections at once on one place. Further ones are refused. */
const mostConnections = 1024
const connectMs = 3000

/**
 * Takes TCP connections for a place and carries them to who is chosen; where that one refuses, to the next.
 * Half-closed connections stay half-closed.
 */
export const tcpListener = (of: ListenerOptions): Listener => {
  const clients = new Set<Socket>()
  const pairs = new Map<Socket, { readonly upstream: Socket; readonly address: string }>()
  let server: Server | undefined

  const serve = async (client: Socket): Promise<void> => {
    // Whatever ends the client's connection, the client knows.
    client.on('error', () => client.destroy())
    client.setNoDelay(true)
    clients.add(client)
    client.on('close', () => clients.delete(client))
    const targets = of.targetsFor(client.remoteAddress ?? '')
    const found = await firstThatAnswers(targets, () => client.destroyed)
    if (found === undefined) {
      resetConnection(client)
      return
    }
    const { upstream, address } = found
    if (client.destroyed) {
      upstream.destroy()
      return
    }
    pairs.set(client, { upstream, address })
    upstream.on('error', () => resetConnection(client))
    client.on('close', () => {
      pairs.delete(client)
      upstream.destroy()
    })
    upstream.on('close', () => client.destroySoon())
    client.pipe(upstream)
    upstream.pipe(client)
  }

  return {
    start: () =>
      new Promise((resolve, reject) => {
        const made = createServer({ allowHalfOpen: true, pauseOnConnect: true }, client => {
          serve(client).catch((error: unknown) => of.onError(error))
        })
        made.maxConnections = mostConnections
        made.once('error', reject)
        made.listen(of.port, of.address, () => {
          made.off('error', reject)
          made.on('error', of.onError)
          server = made
          resolve()
        })
      }),
    async retire() {
      // The place is free at once; the server's own end comes with the last connection, and nobody waits for it.
      server?.close()
      server = undefined
    },
    get isBusy() {
      return clients.size > 0
    },
    drop(isGone) {
      for (const [client, { address }] of pairs) if (isGone(address)) resetConnection(client)
    },
    async close() {
      await this.retire()
      for (const client of clients) client.destroy()
    },
  }
}

const firstThatAnswers = async (
  targets: readonly Target[],
  isOver: () => boolean,
): Promise<{ readonly upstream: Socket; readonly address: string } | undefined> => {
  for (const target of targets.slice(0, 4)) {
    if (isOver()) return undefined
    const upstream = await connected(target)
    if (upstream !== undefined) return { upstream, address: target.address }
  }
  return undefined
}

const connected = (target: Target): Promise<Socket | undefined> =>
  new Promise(resolve => {
    const socket = connect({ host: target.address, port: target.port, allowHalfOpen: true, noDelay: true })
    const fail = (): void => {
      socket.off('timeout', fail)
      socket.destroy()
      resolve(undefined)
    }
    socket.setTimeout(connectMs)
    socket.once('timeout', fail)
    // Stays: what happens after the connection is made is the pair's to see.
    socket.on('error', fail)
    socket.once('connect', () => {
      socket.setTimeout(0)
      socket.off('timeout', fail)
      resolve(socket)
    })
  })
