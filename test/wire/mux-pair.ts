import { readFrame } from '../../src/wire/side-channel/frame.ts'
import type { MessageSocket } from '../../src/wire/side-channel/message-socket.ts'
import { mux } from '../../src/wire/side-channel/mux.ts'
import { manualClock } from '../fakes/clock.ts'

export type Serve = NonNullable<Parameters<typeof mux>[0]['serve']>

/** Two ends in memory, and what went between them. */
export const aPair = (serve: Serve) => {
  const clock = manualClock()
  const passed: { from: 'hub' | 'node'; stream: number; type: string; bytes: number }[] = []
  const ends = { hub: end(), node: end() }
  const socket = (from: 'hub' | 'node', to: 'hub' | 'node'): MessageSocket => ({
    async send(message) {
      const frame = readFrame(message)
      passed.push({ from, stream: frame.stream, type: frame.type, bytes: frame.payload.length })
      await new Promise(resolve => setImmediate(resolve))
      ends[to].message(message)
    },
    onMessage: listener => {
      ends[from].message = listener
    },
    onClose: listener => {
      ends[from].close = listener
    },
    close: why => {
      ends[to].close(why)
    },
  })
  const hub = mux({ socket: socket('hub', 'node'), clock })
  const breaches: unknown[] = []
  const node = mux({ socket: socket('node', 'hub'), clock, serve, onBreach: error => breaches.push(error) })
  return { clock, hub, node, passed, breaches, toNode: (message: Uint8Array) => ends.node.message(message) }
}

const end = () => ({ message: (_message: Uint8Array): void => {}, close: (_why: string): void => {} })
