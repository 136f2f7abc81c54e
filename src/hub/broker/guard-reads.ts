import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../lib/clock.ts'
import type { FrameGuard } from '../../wire/frame-guard.ts'
import { clientPace } from './pace.ts'

/**
 * aedes pulls with `read`: what it gets has passed the guard, a socket that broke the rules gives nothing more, and one
 * that says too much gives nothing for a while.
 */
export const guardReads = (
  socket: TLSSocket,
  of: {
    readonly guard: FrameGuard
    readonly clock: Clock
    readonly refused: (error: unknown) => void
    /** The client has to rest. */
    readonly slowed: () => void
  },
): void => {
  const { guard, clock } = of
  const read = socket.read.bind(socket)
  const pace = clientPace(clock)
  let isResting = false
  let cancel = (): void => {}
  socket.once('close', () => cancel())

  const rest = (ms: number): void => {
    if (!isResting) of.slowed()
    isResting = true
    cancel = clock.after(ms, () => {
      isResting = false
      // What came meanwhile waits in the socket.
      socket.emit('readable')
    })
  }

  socket.read = (size?: number) => {
    if (isResting) return null
    const chunk: Buffer | null = read(size)
    if (chunk === null) return null
    try {
      const before = guard.frames
      guard.feed(chunk)
      const restMs = pace(guard.frames - before, chunk.length)
      if (restMs > 0) rest(restMs)
      return chunk
    } catch (error) {
      of.refused(error)
      socket.destroy()
      return null
    }
  }
}
