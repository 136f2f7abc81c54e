import { type Frame, writeFrame } from './frame.ts'
import type { Pace } from './pace.ts'

/** What one stream has to send. */
export interface Outgoing {
  readonly id: number
  /** Bytes that it may still send. */
  credit: number
  readonly pending: { readonly bytes: Uint8Array; readonly done: (error?: Error) => void }[]
  /** No more comes; `end` follows the last byte. */
  isEnding: boolean
  hasEnded: boolean
}

/** Frames other than data that may wait for the network. */
const mostControl = 1000

export interface FrameSender {
  /** Goes before any data. False when the other side does not read: too much waits already. */
  say(frame: Frame): boolean
  /** The same, but a newer one takes the place of one of the same stream that still waits. */
  update(stream: number, payload: Uint8Array): void
  /** Bytes of data came; the other side is told, with what else came until then. */
  owe(bytes: number): void
  /** There may be something to send. */
  pump(): void
}

/**
 * One frame at a time to the network, control frames first, then one frame of each stream in turn: a large stream
 * does not hold up a small one, and a slow network holds up all of them alike.
 */
export const frameSender = (of: {
  /** Resolves when the network has taken it. */
  readonly send: (message: Uint8Array) => Promise<void>
  readonly streams: ReadonlyMap<number, Outgoing>
  readonly pace: Pace
  readonly isOpen: () => boolean
  readonly failed: (error: unknown) => void
}): FrameSender => {
  const control: Frame[] = []
  /** At most one of each stream. */
  const updates = new Map<number, Uint8Array>()
  let owed = 0
  let isSending = false
  let lastTurn = 0

  const nextControl = (): Frame | undefined => {
    if (owed > 0) {
      const payload = Buffer.alloc(4)
      payload.writeUInt32BE(owed)
      owed = 0
      return { stream: 0, type: 'received', payload }
    }
    const said = control.shift()
    if (said !== undefined) return said
    for (const [stream, payload] of updates) {
      updates.delete(stream)
      if (of.streams.has(stream)) return { stream, type: 'update', payload }
    }
    return undefined
  }

  /** The next stream after the last one that has something to send and may. */
  const nextStream = (): Outgoing | undefined => {
    let first: Outgoing | undefined
    for (const row of of.streams.values()) {
      if (row.pending.length === 0 || row.credit === 0) continue
      if (row.id > lastTurn) return row
      first ??= row
    }
    return first
  }

  const nextData = (): Frame | undefined => {
    const row = nextStream()
    const first = row?.pending[0]
    if (row === undefined || first === undefined) return undefined
    const size = Math.min(first.bytes.length, row.credit, of.pace.frameBytes, of.pace.allowed)
    if (size === 0) return undefined
    lastTurn = row.id
    row.credit -= size
    of.pace.sent(size)
    if (size === first.bytes.length) {
      row.pending.shift()
      first.done()
    } else row.pending[0] = { ...first, bytes: first.bytes.subarray(size) }
    if (row.pending.length === 0 && row.isEnding && !row.hasEnded) {
      row.hasEnded = true
      // Sent after this data: it is looked at when the data is gone.
      control.push({ stream: row.id, type: 'end', payload: new Uint8Array() })
    }
    return { stream: row.id, type: 'data', payload: first.bytes.subarray(0, size) }
  }

  const next = (): Frame | undefined => nextControl() ?? nextData()

  const sendAll = async (): Promise<void> => {
    for (let frame = next(); frame !== undefined; frame = next()) {
      if (!of.isOpen()) return
      await of.send(writeFrame(frame))
    }
  }

  const mayGoOn = (): boolean =>
    owed > 0 || control.length > 0 || updates.size > 0 || (nextStream() !== undefined && of.pace.allowed > 0)

  const pump = (): void => {
    if (isSending || !of.isOpen()) return
    isSending = true
    void sendAll()
      .catch(of.failed)
      .finally(() => {
        isSending = false
        if (mayGoOn()) pump()
      })
  }

  return {
    say(frame) {
      control.push(frame)
      if (control.length > mostControl) return false
      pump()
      return true
    },
    update(stream, payload) {
      updates.set(stream, payload)
      pump()
    },
    owe(bytes) {
      owed += bytes
      pump()
    },
    pump,
  }
}
