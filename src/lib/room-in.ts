/** As much of a stream as says whether it takes more. */
interface Draining {
  readonly writableNeedDrain: boolean
  readonly destroyed: boolean
  once(event: 'drain' | 'close', listener: () => void): unknown
  off(event: 'drain' | 'close', listener: () => void): unknown
}

/**
 * Resolves when a stream takes more without piling it up, or is closed.
 *
 * @example socket.write(bytes); await roomIn(socket)
 */
export const roomIn = (stream: Draining): Promise<void> =>
  new Promise(resolve => {
    if (!stream.writableNeedDrain || stream.destroyed) {
      resolve()
      return
    }
    const done = (): void => {
      stream.off('drain', done)
      stream.off('close', done)
      resolve()
    }
    stream.once('drain', done)
    stream.once('close', done)
  })
