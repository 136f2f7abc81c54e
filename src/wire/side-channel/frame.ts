import { Fault } from '../../api/fault.ts'

/*
 *   stream (4) | type (1) | length (3) | payload        big-endian, one frame a WebSocket message
 *
 *   The hub opens streams; their ids grow and are never used again in a session. Stream 0 is the session itself.
 */
export const frameTypes = {
  /** hub -> node: JSON, what is wanted. */
  open: 1,
  /** node -> hub: it is being served; an error may still come. */
  accepted: 2,
  data: 3,
  /** Bytes (4) that the other side may send beyond what it was granted before. */
  credit: 4,
  /** No more data from this side. */
  end: 5,
  /** node -> hub, last: JSON, exit code or error. */
  result: 6,
  /** Either side gives the stream up; text says why. */
  reset: 7,
  ping: 8,
  pong: 9,
  /** hub -> node: JSON, a newer value of what may change while the stream lives, e.g. a terminal's size. Only the newest counts. */
  update: 10,
  /** On stream 0: bytes (4) of data that came since it was last said, of all streams. It paces the sender. */
  received: 11,
} as const

export type FrameType = keyof typeof frameTypes

export interface Frame {
  readonly stream: number
  readonly type: FrameType
  readonly payload: Uint8Array
}

export const mostPayloadBytes = 32 * 1024
const headerBytes = 8

const byNumber = new Map(Object.entries(frameTypes).map(([name, number]) => [number as number, name as FrameType]))

/** @example socket.send(writeFrame({ stream: 1, type: 'data', payload })) */
export const writeFrame = (frame: Frame): Buffer => {
  if (frame.payload.length > mostPayloadBytes)
    throw new Error(`a frame of ${frame.payload.length} bytes; at most ${mostPayloadBytes} are sent`)
  const header = Buffer.alloc(headerBytes)
  header.writeUInt32BE(frame.stream, 0)
  header.writeUInt8(frameTypes[frame.type], 4)
  header.writeUIntBE(frame.payload.length, 5, 3)
  return Buffer.concat([header, frame.payload])
}

/** @throws Fault Malformed when the bytes are not exactly one frame of a known type */
export const readFrame = (bytes: Uint8Array): Frame => {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (whole.length < headerBytes)
    throw new Fault('Malformed', `a side-channel frame is cut short: ${whole.length} bytes, at least ${headerBytes}`)
  const type = byNumber.get(whole.readUInt8(4))
  const length = whole.readUIntBE(5, 3)
  if (type === undefined) throw new Fault('Malformed', `a side-channel frame of type ${whole[4]}, which is none`)
  if (length > mostPayloadBytes || whole.length !== headerBytes + length)
    throw new Fault(
      'Malformed',
      `a side-channel frame says ${length} bytes and has ${whole.length - headerBytes}; at most ${mostPayloadBytes}`,
    )
  return { stream: whole.readUInt32BE(0), type, payload: whole.subarray(headerBytes) }
}
