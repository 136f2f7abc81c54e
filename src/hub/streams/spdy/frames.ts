import { Fault } from '../../../api/fault.ts'

/*
 *   control:  1 | version (15) | type (16) | flags (8) | length (24) | payload        [SPDY/3.1, 2.2]
 *   data:     0 | stream (31)              | flags (8) | length (24) | bytes
 */

export const frameTypes = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const

export type FrameType = keyof typeof frameTypes

const byNumber = new Map<number, FrameType>(
  Object.entries(frameTypes).map(([name, number]) => [number, name as FrameType]),
)

/** The sender is done with the stream. */
export const finFlag = 1

/** [SPDY/3.1, 2.6.3] */
export const resets = { protocolError: 1, invalidStream: 2, refused: 3, cancel: 5, internalError: 6 } as const

/** [SPDY/3.1, 2.6.6] */
export const goodbyes = { ok: 0, protocolError: 1, internalError: 2 } as const

const version = 3

/** Of a control frame. What clients of Kubernetes send has a few hundred bytes. */
export const mostControlBytes = 16 * 1024

export interface ControlFrame {
  readonly event: 'control'
  readonly type: FrameType
  readonly flags: number
  readonly payload: Buffer
}

/** A piece of a data frame: given on as it comes, however long the frame is. */
export interface DataPiece {
  readonly event: 'data'
  readonly stream: number
  readonly bytes: Uint8Array
  /** The end of a frame with FIN. */
  readonly isLast: boolean
}

/**
 * Cuts the bytes of a connection into control frames and pieces of data. Frames of types that nobody knows are left out.
 *
 * @throws Fault Malformed for another version, or a control frame that is too large
 * @example const read = frameReader(); for (const event of read(chunk)) …
 */
export const frameReader = (): ((chunk: Uint8Array) => Generator<ControlFrame | DataPiece>) => {
  const head = Buffer.alloc(8)
  let headed = 0
  let payload: { readonly bytes: Buffer; filled: number } | undefined
  let data: { readonly stream: number; readonly isFin: boolean; left: number } | undefined

  const finished = (): readonly ControlFrame[] => {
    if (payload === undefined || payload.filled < payload.bytes.length) return []
    const type = byNumber.get(head.readUInt16BE(2))
    const frame = { event: 'control' as const, flags: head.readUInt8(4), payload: payload.bytes }
    payload = undefined
    headed = 0
    return type === undefined ? [] : [{ ...frame, type }]
  }

  return function* (chunk) {
    let rest = chunk
    const take = (most: number): Uint8Array => {
      const part = rest.subarray(0, most)
      rest = rest.subarray(part.length)
      return part
    }
    while (rest.length > 0) {
      if (data !== undefined) {
        const { stream } = data
        const bytes = take(data.left)
        data.left -= bytes.length
        const isLast = data.left === 0 && data.isFin
        if (data.left === 0) data = undefined
        yield { event: 'data', stream, bytes, isLast }
      } else if (payload !== undefined) {
        const part = take(payload.bytes.length - payload.filled)
        payload.bytes.set(part, payload.filled)
        payload.filled += part.length
        yield* finished()
      } else {
        const part = take(8 - headed)
        head.set(part, headed)
        headed += part.length
        if (headed < 8) return
        const length = head.readUIntBE(5, 3)
        if (isControl(head)) {
          checkControl(head, length)
          payload = { bytes: Buffer.alloc(length), filled: 0 }
          yield* finished()
        } else {
          headed = 0
          const stream = head.readUInt32BE(0)
          const isFin = (head.readUInt8(4) & finFlag) !== 0
          if (length > 0) data = { stream, isFin, left: length }
          else yield { event: 'data', stream, bytes: new Uint8Array(), isLast: isFin }
        }
      }
    }
  }
}

const isControl = (head: Buffer): boolean => (head.readUInt8(0) & 0x80) !== 0

const checkControl = (head: Buffer, length: number): void => {
  const found = head.readUInt16BE(0) & 0x7fff
  if (found !== version) throw new Fault('Malformed', `a frame of SPDY version ${found}: 3 is spoken here`)
  if (length > mostControlBytes)
    throw new Fault('Malformed', `a control frame of ${length} bytes, at most ${mostControlBytes}`)
}

/** @example controlFrame('ping', 0, uint32s(1)) */
export const controlFrame = (type: FrameType, flags: number, payload: Uint8Array): Buffer => {
  const head = Buffer.alloc(8)
  head.writeUInt16BE(0x8000 | version, 0)
  head.writeUInt16BE(frameTypes[type], 2)
  head.writeUInt8(flags, 4)
  head.writeUIntBE(payload.length, 5, 3)
  return Buffer.concat([head, payload])
}

export const dataFrame = (stream: number, bytes: Uint8Array, isLast: boolean): Buffer => {
  const head = Buffer.alloc(8)
  head.writeUInt32BE(stream, 0)
  head.writeUInt8(isLast ? finFlag : 0, 4)
  head.writeUIntBE(bytes.length, 5, 3)
  return Buffer.concat([head, bytes])
}

/** Numbers of four bytes each, the high one first. */
export const uint32s = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, 4 * index)
  return bytes
}
