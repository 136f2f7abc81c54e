import { describeError, Fault, isFault } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import { settled } from '../../lib/settled.ts'
import { parseJson } from '../parse.ts'
import { type Frame, type FrameType, mostPayloadBytes, readFrame } from './frame.ts'
import { frameSender, type Outgoing } from './frame-sender.ts'
import { type Incoming, incoming } from './incoming.ts'
import type { MessageSocket } from './message-socket.ts'
import { pace } from './pace.ts'
import { type OpenStream, parseOpenStream, parseStreamResult, type StreamResult } from './requests.ts'
import type { MuxStream, OpenedStream, ServedStream } from './streams.ts'

/*
 *   stream A ─ write ─> pending, within its credit ─┐
 *   stream B ─ write ─> pending, within its credit ─┼─ one frame of each in turn ──> socket ──> the other end
 *   control frames ─────────────────────────────────┘  (before any data)
 *
 *   the other end: data ──> incoming ──> taken by its consumer ──> credit back, a quarter of the window at a time
 */

/** Bytes that a side may send before the other has taken any. */
export const windowBytes = 256 * 1024
/** Bytes of one update's JSON. */
const mostUpdateBytes = 1024
/** A stream in which nothing went either way for so long is given up. As kubelet's streaming-connection-idle-timeout. */
const idleMs = 4 * 3_600_000

export interface MuxLimits {
  readonly windowBytes: number
  /** Bytes of all streams that may be on their way to the other side. */
  readonly mostUnderWay: number
  readonly mostFrameBytes: number
  /** Streams at once in a session; a further one is refused. */
  readonly mostStreams: number
  /** How often the other side is asked whether it is there; two times as long without a word ends the session. */
  readonly pingMs: number
}

/** Those of a WebSocket: fast enough for a LAN, and a peer that stops reading costs less than a mebibyte. */
export const webSocketLimits: MuxLimits = {
  windowBytes,
  mostUnderWay: 1024 * 1024,
  mostFrameBytes: mostPayloadBytes,
  mostStreams: 256,
  pingMs: 60_000,
}

export interface Mux {
  /** @throws Fault Unavailable when the session is over; TooManyRequests */
  open(type: string, request: unknown): OpenedStream
  readonly streams: number
  readonly isOpen: boolean
  onClose(listener: () => void): void
  /** Called when the last stream is over. */
  onIdle(listener: () => void): void
  close(why: string): void
}

interface Row extends Outgoing {
  readonly incoming: Incoming
  readonly abort: AbortController
  /** What the other may still send. */
  granted: number
  /** Taken by the consumer, not granted again yet. */
  taken: number
  /** When something last went either way. */
  touchedAt: number
  onUpdate: (value: unknown) => void
  readonly onAccepted: (error?: Error) => void
  readonly onResult: (result: StreamResult | Error) => void
}

/**
 * Streams over one socket: framed, credit-controlled, served in turn. The hub opens them, the node serves them.
 *
 * @example const stream = mux({ socket, clock }).open('logs', request); for await (const chunk of stream.incoming) …
 */
export const mux = (of: {
  readonly socket: MessageSocket
  readonly clock: Clock
  /** Absent: streams that the other side opens are refused. */
  readonly serve?: (open: OpenStream, stream: ServedStream) => Promise<void>
  readonly onBreach?: (error: unknown) => void
  readonly limits?: MuxLimits
}): Mux => {
  const { socket, clock } = of
  const limits = of.limits ?? webSocketLimits
  const path = pace({
    now: () => clock.monotonic(),
    mostBytes: limits.mostUnderWay,
    mostFrameBytes: limits.mostFrameBytes,
  })
  const rows = new Map<number, Row>()
  const closeListeners: (() => void)[] = []
  const idleListeners: (() => void)[] = []
  let isOpen = true
  let nextId = 1
  let lastServed = 0
  let heardAt = clock.monotonic()

  const over = (row: Row, error: Error): void => {
    if (!rows.delete(row.id)) return
    for (const { done } of row.pending.splice(0)) done(error)
    row.incoming.end(error)
    row.onAccepted(error)
    row.onResult(error)
    row.abort.abort(error)
    idle()
  }
  const idle = (): void => {
    if (rows.size === 0 && isOpen) for (const listener of idleListeners) listener()
  }

  const sender = frameSender({
    send: message => socket.send(message),
    streams: rows,
    pace: path,
    isOpen: () => isOpen,
    failed: error => shut(describeError(error)),
  })
  const say = (stream: number, type: FrameType, payload: Uint8Array = new Uint8Array()): void => {
    // Only a peer that asks and does not read gets here.
    if (!sender.say({ stream, type, payload })) shut('answers wait, and the other side does not read')
  }

  const grant = (row: Row, bytes: number): void => {
    row.taken += bytes
    if (row.taken < limits.windowBytes / 4 || !rows.has(row.id)) return
    const payload = Buffer.alloc(4)
    payload.writeUInt32BE(row.taken)
    row.granted += row.taken
    row.taken = 0
    say(row.id, 'credit', payload)
  }

  const addRow = (of: Pick<Row, 'id' | 'onAccepted' | 'onResult'> & { readonly left: (row: Row) => void }): Row => {
    const row: Row = {
      id: of.id,
      incoming: incoming({ taken: bytes => grant(row, bytes), left: () => of.left(row) }),
      abort: new AbortController(),
      credit: limits.windowBytes,
      granted: limits.windowBytes,
      taken: 0,
      touchedAt: clock.monotonic(),
      onUpdate: () => {},
      pending: [],
      isEnding: false,
      hasEnded: false,
      onAccepted: of.onAccepted,
      onResult: of.onResult,
    }
    rows.set(row.id, row)
    return row
  }

  const giveUp = (row: Row, why: string): void => {
    if (!rows.has(row.id)) return
    say(row.id, 'reset', Buffer.from(why.slice(0, 1000)))
    over(row, new Fault('Unavailable', `the stream was given up: ${why}`))
  }

  const streamOf = (row: Row): MuxStream => ({
    id: row.id,
    incoming: row.incoming,
    signal: row.abort.signal,
    write: bytes =>
      new Promise((resolve, reject) => {
        if (!rows.has(row.id) || row.isEnding) {
          reject(new Fault('Unavailable', 'the stream is over'))
          return
        }
        if (bytes.length === 0) {
          resolve()
          return
        }
        row.touchedAt = clock.monotonic()
        row.pending.push({ bytes, done: error => (error === undefined ? resolve() : reject(error)) })
        sender.pump()
      }),
    end() {
      if (row.isEnding || !rows.has(row.id)) return
      row.isEnding = true
      if (row.pending.length > 0) return
      row.hasEnded = true
      say(row.id, 'end')
    },
    reset: why => giveUp(row, why),
  })

  const served = (row: Row): ServedStream => ({
    ...streamOf(row),
    accept: () => say(row.id, 'accepted'),
    onUpdate(listener) {
      row.onUpdate = listener
    },
    finish(result) {
      if (!rows.has(row.id)) return
      say(row.id, 'result', Buffer.from(JSON.stringify(result)))
      over(row, new Fault('Unavailable', 'the stream is over'))
    },
  })

  const onOpen = (frame: Frame): void => {
    const { serve } = of
    if (serve === undefined || frame.stream <= lastServed)
      throw new Fault('Malformed', `stream ${frame.stream} cannot be opened by this peer`)
    lastServed = frame.stream
    if (rows.size >= limits.mostStreams) {
      say(
        frame.stream,
        'result',
        asResult(new Fault('TooManyRequests', `${limits.mostStreams} streams are open already`)),
      )
      return
    }
    const open = parseJson(Buffer.from(frame.payload).toString(), parseOpenStream, 'open')
    // Who serves may stop reading: its result says why.
    const row = addRow({ id: frame.stream, onAccepted: () => {}, onResult: () => {}, left: () => {} })
    const stream = served(row)
    void serve(open, stream).then(
      () => stream.finish({ exitCode: 0 }),
      error => {
        say(row.id, 'result', asResult(error))
        over(row, new Fault('Unavailable', 'the stream is over'))
      },
    )
  }

  const take: { readonly [Type in FrameType]: (frame: Frame, row: Row | undefined) => void } = {
    open: onOpen,
    accepted: (_frame, row) => row?.onAccepted(),
    data(frame, row) {
      sender.owe(frame.payload.length)
      if (row === undefined) return
      row.touchedAt = clock.monotonic()
      row.granted -= frame.payload.length
      if (row.granted < 0) throw new Fault('Malformed', `stream ${frame.stream} sent more than it was granted`)
      row.incoming.push(frame.payload)
    },
    credit(frame, row) {
      if (row === undefined) return
      // More than the window is never outstanding: who grants more grants nothing.
      row.credit = Math.min(row.credit + numberIn(frame), limits.windowBytes)
      sender.pump()
    },
    end: (_frame, row) => row?.incoming.end(),
    result(frame, row) {
      if (row === undefined) return
      const result = parseJson(Buffer.from(frame.payload).toString(), parseStreamResult, 'result')
      const error = result.error === undefined ? undefined : new Fault(result.error.reason, result.error.message)
      row.onAccepted(error)
      row.onResult(result)
      row.incoming.end(error)
      over(row, error ?? new Fault('Unavailable', 'the stream is over'))
    },
    reset(frame, row) {
      if (row === undefined) return
      over(row, new Fault('Unavailable', `the other side gave the stream up: ${Buffer.from(frame.payload).toString()}`))
    },
    ping: () => say(0, 'pong'),
    pong: () => {},
    update(frame, row) {
      if (of.serve === undefined || frame.payload.length > mostUpdateBytes)
        throw new Fault('Malformed', `an update of ${frame.payload.length} bytes that this side does not take`)
      row?.onUpdate(parseJson(Buffer.from(frame.payload).toString(), value => value, 'update'))
    },
    received(frame) {
      path.received(numberIn(frame))
      sender.pump()
    },
  }

  const shut = (why: string): void => {
    if (!isOpen) return
    isOpen = false
    stopPinging()
    for (const row of [...rows.values()]) over(row, new Fault('Unavailable', `the session ended: ${why}`))
    socket.close(why)
    for (const listener of closeListeners) listener()
  }

  socket.onMessage(message => {
    if (!isOpen) return
    heardAt = clock.monotonic()
    try {
      const frame = readFrame(message)
      take[frame.type](frame, rows.get(frame.stream))
    } catch (error) {
      // A peer that breaks the rules once is not spoken to any more.
      of.onBreach?.(error)
      shut(describeError(error))
    }
  })
  socket.onClose(shut)

  let stopPinging = (): void => {}
  const pingLater = (): void => {
    stopPinging = clock.after(limits.pingMs, () => {
      if (clock.monotonic() - heardAt > 2 * limits.pingMs) shut('the other side says nothing')
      else {
        say(0, 'ping')
        for (const row of [...rows.values()])
          if (clock.monotonic() - row.touchedAt > idleMs) giveUp(row, `nothing went for ${idleMs / 3_600_000} hours`)
        pingLater()
      }
    })
  }
  pingLater()

  return {
    open(type, request) {
      if (!isOpen) throw new Fault('Unavailable', 'the session is over')
      if (rows.size >= limits.mostStreams)
        throw new Fault('TooManyRequests', `${limits.mostStreams} streams are open in this session already`)
      const opening = Buffer.from(JSON.stringify({ type, request }))
      if (opening.length > mostPayloadBytes)
        throw new Fault(
          'RequestEntityTooLarge',
          `the request for "${type}" has ${opening.length} bytes; at most ${mostPayloadBytes} go to a node: pass long words by a file or by standard input`,
        )
      const accepted = settled<void>()
      const result = settled<StreamResult>()
      const row = addRow({
        id: nextId,
        onAccepted: error => (error === undefined ? accepted.resolve() : accepted.reject(error)),
        onResult: outcome => (outcome instanceof Error ? result.reject(outcome) : result.resolve(outcome)),
        left: row => giveUp(row, 'its reader left'),
      })
      nextId += 1
      say(row.id, 'open', opening)
      return {
        ...streamOf(row),
        accepted: accepted.promise,
        result: result.promise,
        update(value) {
          if (rows.has(row.id)) sender.update(row.id, Buffer.from(JSON.stringify(value)))
        },
      }
    },
    get streams() {
      return rows.size
    },
    get isOpen() {
      return isOpen
    },
    onClose: listener => closeListeners.push(listener),
    onIdle: listener => idleListeners.push(listener),
    close: shut,
  }
}

const asResult = (error: unknown): Buffer =>
  Buffer.from(
    JSON.stringify({
      error: {
        reason: isFault(error) ? error.reason : 'Internal',
        message: describeError(error).slice(0, 4096),
      },
    }),
  )

/** The four bytes of a frame that carries a number of bytes. */
const numberIn = (frame: Frame): number => {
  if (frame.payload.length !== 4) throw new Fault('Malformed', `a ${frame.type} frame must have four bytes`)
  return Buffer.from(frame.payload).readUInt32BE(0)
}
