import { describeError, isFault } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import type { MessageSocket } from './message-socket.ts'
import type { MuxLimits } from './mux.ts'
import { readTunnelFrame, type TunnelKind, type TunnelWay, tunnelKeys, writeTunnelFrame } from './tunnel-frame.ts'

/*
 *   mux ── message ──> as fast as the cap allows ──> sealed, numbered ──> MQTT, QoS 0 ──> opened, next in number ──> mux
 *                                                                                          │ a number is missing
 *                                                                                          └──> the tunnel ends
 */

/** A slow way for what is small: one thing at a time, and never so much that the documents wait behind it. */
export const tunnelLimits: MuxLimits = {
  windowBytes: 64 * 1024,
  mostUnderWay: 64 * 1024,
  // 16 KB with its headers.
  mostFrameBytes: 16_000,
  // A process and its standard error.
  mostStreams: 2,
  // What is lost last is missed by nobody else.
  pingMs: 10_000,
}

/** Bytes a second that go one way, on average. */
const capBytes = 256 * 1024
/** Bytes that may go at once after a silence. */
const burstBytes = 64 * 1024

export interface TunnelEnd {
  readonly socket: MessageSocket
  /** What came on the topic for this tunnel. Forged and repeated frames are left alone. */
  receive(bytes: Uint8Array): void
  /** The node says that it is there. */
  greet(): Promise<void>
}

/**
 * One end of a side channel over MQTT, for where only the broker's port is open. The broker sees sizes and times.
 *
 * @example const end = tunnelEnd({ token, way: 'to the hub', publish: bytes => bus.publishFrame(bytes), clock })
 */
export const tunnelEnd = (of: {
  /** Of the command that the tunnel begins with: both ends have it, and nobody else. */
  readonly token: string
  /** Where this end's frames go. */
  readonly way: TunnelWay
  /** Resolves when the network has room for more. */
  readonly publish: (bytes: Uint8Array) => Promise<void>
  readonly clock: Clock
}): TunnelEnd => {
  const { clock } = of
  const keys = tunnelKeys(of.token)
  const back: TunnelWay = of.way === 'to the hub' ? 'to the node' : 'to the hub'
  let sent = 0
  let expected = 0
  let allowance = burstBytes
  let filledAt = clock.monotonic()
  let isClosed = false
  let onMessage: (message: Uint8Array) => void = () => {}
  let onClose: (why: string) => void = () => {}

  const over = (why: string): void => {
    if (isClosed) return
    isClosed = true
    onClose(why)
  }

  /** Waits until the cap allows these bytes; a debt is paid before anything else goes. */
  const allowed = async (bytes: number): Promise<void> => {
    const now = clock.monotonic()
    allowance = Math.min(burstBytes, allowance + ((now - filledAt) * capBytes) / 1000)
    filledAt = now
    const debt = -allowance
    allowance -= bytes
    if (debt > 0) await new Promise<void>(resolve => void clock.after((debt * 1000) / capBytes, resolve))
  }

  const say = async (kind: TunnelKind, bytes: Uint8Array): Promise<void> => {
    const frame = writeTunnelFrame(keys, of.way, { kind, number: sent, bytes })
    sent += 1
    await of.publish(frame)
  }

  return {
    socket: {
      async send(message) {
        await allowed(message.length)
        if (!isClosed) await say('message', message)
      },
      onMessage(listener) {
        onMessage = listener
      },
      onClose(listener) {
        onClose = listener
      },
      close(why) {
        if (isClosed) return
        // One that is not heard of any more is found out by its silence.
        say('close', Buffer.from(why.slice(0, 200))).catch(() => undefined)
        over(why)
      },
    },
    receive(bytes) {
      if (isClosed) return
      try {
        const frame = readTunnelFrame(keys, back, bytes)
        // The broker may bring it twice.
        if (frame.number < expected) return
        if (frame.number > expected) return over(`${frame.number - expected} frames were lost on the way`)
        expected += 1
        if (frame.kind === 'message') onMessage(frame.bytes)
        else if (frame.kind === 'close') over(Buffer.from(frame.bytes).toString())
      } catch (error) {
        // Anyone on the broker can send such: it must not end what is between two others.
        if (!isFault(error, 'Distrusted')) over(describeError(error))
      }
    },
    greet: () => say('hello', Buffer.alloc(0)),
  }
}
