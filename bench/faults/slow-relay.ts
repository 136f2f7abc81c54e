import { connect, createServer, type Socket } from 'node:net'

/** Where a node's connections are led through, every byte late. */
export interface SlowRelay {
  readonly port: number
  close(): Promise<void>
}

/** Bytes under way in one direction of one connection; beyond it the sender is made to wait. */
const mostUnderWay = 1024 * 1024

/**
 * A TCP relay that hands every byte on `delayMs` later, in both directions, to where `of.to` listens.
 *
 * @example const relay = await slowRelay({ to: { host: '192.168.50.1', port: 8883 }, delayMs: 2000 })
 */
export const slowRelay = async (of: {
  readonly to: { readonly host: string; readonly port: number }
  readonly delayMs: number
}): Promise<SlowRelay> => {
  const sockets = new Set<Socket>()
  const keep = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
  }
  const pass = (from: Socket, to: Socket): void => {
    let underWay = 0
    from.on('data', chunk => {
      underWay += chunk.length
      if (underWay > mostUnderWay) from.pause()
      setTimeout(() => {
        underWay -= chunk.length
        if (from.isPaused() && underWay <= mostUnderWay) from.resume()
        if (!to.destroyed) to.write(chunk)
      }, of.delayMs)
    })
    from.on('end', () => setTimeout(() => to.end(), of.delayMs))
    from.on('close', () => setTimeout(() => to.destroy(), of.delayMs))
  }
  const server = createServer({ allowHalfOpen: true }, near => {
    const far = connect({ ...of.to, allowHalfOpen: true })
    for (const socket of [near, far]) keep(socket)
    pass(near, far)
    pass(far, near)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '0.0.0.0', resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the relay has no port')
  return {
    port: address.port,
    async close() {
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
