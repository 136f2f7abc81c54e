import { constants, createDeflate } from 'node:zlib'
import { faultFrom } from '../../../../src/hub/rest/status-object.ts'
import { dictionary } from '../../../../src/hub/streams/spdy/dictionary.ts'
import {
  type ControlFrame,
  controlFrame,
  type DataPiece,
  dataFrame,
  finFlag,
  frameReader,
  uint32s,
} from '../../../../src/hub/streams/spdy/frames.ts'
import { type SpdyStream, spdySession } from '../../../../src/hub/streams/spdy/session.ts'
import { byteStreams } from '../../../fakes/remote-process.ts'

/** Packs header blocks as every client does: deflated, with the dictionary, all in one zlib stream. */
export const packHeaders = () => {
  const deflate = createDeflate({ dictionary })
  return (headers: { readonly [name: string]: string }): Promise<Buffer> =>
    new Promise(resolve => {
      const chunks: Buffer[] = []
      deflate.on('data', chunk => chunks.push(chunk))
      const text = (value: string) => [uint32s(Buffer.byteLength(value)), Buffer.from(value)]
      const pairs = Object.entries(headers)
      deflate.write(
        Buffer.concat([uint32s(pairs.length), ...pairs.flatMap(([name, value]) => [...text(name), ...text(value)])]),
      )
      deflate.flush(constants.Z_SYNC_FLUSH, () => {
        deflate.removeAllListeners('data')
        resolve(Buffer.concat(chunks))
      })
    })
}

export const synStream = (id: number, block: Uint8Array, flags = 0): Buffer =>
  controlFrame('synStream', flags, Buffer.concat([uint32s(id, 0), Buffer.alloc(2), block]))

/** A session over a connection without any buffer, and a client that sends what it is told to. */
export const startSession = (onStream: (stream: SpdyStream) => void = () => {}) => {
  const { here, there } = byteStreams()
  const gone = new AbortController()
  const streams: SpdyStream[] = []
  const session = spdySession({
    wire: { ...here, signal: gone.signal },
    onStream(stream) {
      onStream(stream)
      streams.push(stream)
    },
  })
  const frames: (ControlFrame | DataPiece)[] = []
  const gate = { promise: Promise.resolve(), open: () => {} }
  const reading = (async () => {
    const read = frameReader()
    for await (const chunk of there.incoming) {
      frames.push(...read(chunk))
      await gate.promise
    }
  })().catch(error => faultFrom(error))
  const pack = packHeaders()
  return {
    session,
    streams,
    frames,
    reading,
    send: (...sent: readonly Uint8Array[]) => there.write(Buffer.concat(sent)),
    async open(id: number, headers: { readonly [name: string]: string } = {}, flags = 0) {
      await there.write(synStream(id, await pack(headers), flags))
    },
    data: (id: number, text: string | Uint8Array, isLast = false) =>
      there.write(dataFrame(id, Buffer.from(text), isLast)),
    /** The client reads no more, until `thaw`. */
    freeze() {
      gate.promise = new Promise(resolve => {
        gate.open = resolve
      })
    },
    thaw: () => gate.open(),
    hangUp: () => there.end(),
    fin: finFlag,
    /** What the server said of itself, as words. */
    said: () =>
      frames.map(frame =>
        frame.event === 'data'
          ? `data ${frame.stream}${frame.isLast ? ' end' : ''}: ${Buffer.from(frame.bytes)}`
          : `${frame.type} ${[...numbers(frame)].join(' ')}`,
      ),
  }
}

function* numbers({ type, payload }: ControlFrame) {
  const words = type === 'synReply' ? 1 : payload.length / 4
  for (let at = 0; at < words; at += 1) yield payload.readUInt32BE(4 * at)
}
