import type { WebSocket } from 'ws'

/** What the side channel runs on: whole binary messages, in order. */
export interface MessageSocket {
  /** Resolves when the message was handed to the network: this is how a slow peer slows the sender. */
  send(message: Uint8Array): Promise<void>
  onMessage(listener: (message: Uint8Array) => void): void
  /** Called once, also when it is closed from here. */
  onClose(listener: (why: string) => void): void
  close(why: string): void
}

/** A WebSocket of the `ws` package; texts count as a fault of the peer. */
export const webSocket = (socket: WebSocket): MessageSocket => ({
  send: message =>
    new Promise((resolve, reject) => {
      socket.send(message, { binary: true, compress: false }, error => (error ? reject(error) : resolve()))
    }),
  onMessage(listener) {
    socket.on('message', (message: Buffer | ArrayBuffer | Buffer[], isBinary: boolean) => {
      if (!isBinary) socket.close(1003, 'binary messages only')
      else if (Array.isArray(message)) listener(Buffer.concat(message))
      else listener(message instanceof ArrayBuffer ? new Uint8Array(message) : message)
    })
  },
  onClose(listener) {
    let isTold = false
    const tell = (why: string): void => {
      if (isTold) return
      isTold = true
      listener(why)
    }
    socket.on('close', (code: number, reason: Buffer) => tell(reason.toString() || `WebSocket closed with ${code}`))
    socket.on('error', (error: Error) => tell(error.message))
  },
  close(why) {
    socket.close(1000, why.slice(0, 100))
    // A peer that is gone answers no close.
    setTimeout(() => socket.terminate(), 2000).unref()
  },
})
