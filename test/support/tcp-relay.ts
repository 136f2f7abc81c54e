import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net'

/** A way to a port that a test cuts, stops, or makes long. */
export interface TcpRelay {
  readonly port: number
  /** Breaks every connection now; new ones are refused until `mend`. */
  cut(): void
  mend(): void
  /** Nothing is read from either side any more; the connections stay. */
  freeze(): void
  thaw(): void
  /** Milliseconds each way, from now on. */
  setDelay(ms: number): void
  close(): void
}

/**
 * @example const relay = await tcpRelay(port, { delayMs: 20 }) // 20 ms each way
 */
export const tcpRelay = async (
  to: number,
  of: { readonly delayMs?: number; readonly toHost?: string; readonly host?: string } = {},
): Promise<TcpRelay> => {
  const sockets = new Set<Socket>()
  let isCut = false
  let isFrozen = false
  let delayMs = of.delayMs ?? 0

  const pass = (from: Socket, into: Socket): void => {
    from.on('data', chunk => {
      if (delayMs === 0) into.write(chunk)
      else setTimeout(() => into.destroyed || into.write(chunk), delayMs)
    })
    from.on('end', () => setTimeout(() => into.end(), delayMs))
  }
  const server = createServer({ allowHalfOpen: true }, near => {
    if (isCut) {
      near.destroy()
      return
    }
    const far = dial({ port: to, host: of.toHost ?? '127.0.0.1', allowHalfOpen: true })
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        near.destroy()
        far.destroy()
      })
      if (isFrozen) socket.pause()
    }
    pass(near, far)
    pass(far, near)
  })
  await new Promise<void>(resolve => server.listen(0, of.host ?? '127.0.0.1', resolve))
  const cut = (): void => {
    isCut = true
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    mend() {
      isCut = false
    },
    freeze() {
      isFrozen = true
      for (const socket of sockets) socket.pause()
    },
    thaw() {
      isFrozen = false
      for (const socket of sockets) socket.resume()
    },
    setDelay(ms) {
      delayMs = ms
    },
    close() {
      cut()
      server.close()
    },
  }
}
