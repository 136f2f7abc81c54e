import { describeError, Fault } from '../../../api/fault.ts'
import type { ByteStream } from '../../ports.ts'
import { faultFrom } from '../../rest/status-object.ts'
import { type Inbox, inboxes } from '../inbox.ts'
import type { Wire } from '../wire.ts'
import {
  type ControlFrame,
  controlFrame,
  type DataPiece,
  dataFrame,
  type FrameType,
  finFlag,
  frameReader,
  goodbyes,
  resets,
  uint32s,
} from './frames.ts'
import { type Headers, headerPacker, headerReader } from './header-block.ts'

/*
 *   wire ──> frames ──> SYN_STREAM ──> onStream(stream) ──> SYN_REPLY
 *                  └──> DATA ──> the stream's inbox ──> its consumer ──> WINDOW_UPDATE
 *   stream.write ──> frames of 16 KiB, those of all streams in turn ──> wire
 *
 *   Clients of Kubernetes never send WINDOW_UPDATE, and wait for none: what slows each side is the connection itself.
 *   So one slow stream holds up the others when the room of the whole connection is full, as in every server of theirs.
 */

/** A client's stream, with the headers that it came with. */
export interface SpdyStream extends ByteStream {
  readonly id: number
  readonly headers: Headers
}

export interface SpdySession {
  /** Resolves when the connection is over. Never rejects. */
  readonly done: Promise<void>
  /** Aborts when the client has gone or broke the rules; the reason is a Fault. */
  readonly signal: AbortSignal
  /** No more streams; hangs up when the last one has ended both ways, if the client does not do so first. */
  close(): void
  fail(fault: Fault): void
}

/** Of what came and nobody took, of all streams together. */
const mostHeldBytes = 256 * 1024

/** Two a connection that is forwarded, and one to come while the last goes. */
export const mostStreams = 256

const frameBytes = 16 * 1024

/** Of what a client may send before it hears that it was taken, where it waits for that. [SPDY/3.1, 2.6.8] */
const windowBytes = 64 * 1024

const mostWindow = 0x7fff_ffff

/** Answers that wait to be written; then nothing more is read. */
const mostAnswers = 16

interface Row {
  readonly id: number
  readonly inbox: Inbox
  readonly abort: AbortController
  /** What the client says that we may send. */
  credit: number
  /** Taken by the consumer, and not told yet. */
  taken: number
  hasEnded: boolean
  theyEnded: boolean
}

/**
 * Serves SPDY/3.1 to one client: it opens streams, and we answer each. A client that breaks the rules is hung up on.
 *
 * @example const session = spdySession({ wire, onStream: stream => serve(stream) }); await session.done
 */
export const spdySession = (of: {
  readonly wire: Wire
  /** @throws Fault to refuse it */
  readonly onStream: (stream: SpdyStream) => void
}): SpdySession => {
  const { wire } = of
  const rows = new Map<number, Row>()
  const over = new AbortController()
  const pack = headerPacker()
  const headers = headerReader()
  let lastId = 0
  let credit = windowBytes
  let taken = 0
  let isClosing = false
  let hasSaidGoodbye = false
  let gate = Promise.withResolvers<void>()
  gate.resolve()
  const boxes = inboxes({
    mostBytes: mostHeldBytes,
    full: () => {
      gate = Promise.withResolvers<void>()
    },
    room: () => gate.resolve(),
  })

  let tail: Promise<void> = Promise.resolve()
  let answers = 0
  const put = (frame: Uint8Array): Promise<void> => {
    const written = tail.then(() => wire.write(frame))
    tail = written.catch(error => isOver(faultFrom(error)))
    return written
  }
  const say = (type: FrameType, payload: Uint8Array, flags = 0): void => {
    answers += 1
    void put(controlFrame(type, flags, payload)).then(
      () => {
        answers -= 1
      },
      // Told to all streams already.
      () => undefined,
    )
  }

  const isOver = (fault: Fault): void => {
    if (over.signal.aborted) return
    over.abort(fault)
    gate.resolve()
    headers.close()
    for (const row of [...rows.values()]) forget(row, fault)
  }
  if (wire.signal.aborted) isOver(faultFrom(wire.signal.reason))
  else wire.signal.addEventListener('abort', () => isOver(faultFrom(wire.signal.reason)), { once: true })

  const fail = (fault: Fault): void => {
    if (over.signal.aborted) return
    const status = fault.status >= 500 ? goodbyes.internalError : goodbyes.protocolError
    isOver(fault)
    // Past whatever waits: a client that does not read is not waited for.
    wire.write(controlFrame('goAway', 0, uint32s(lastId, status))).catch(() => undefined)
    wire.reset(fault.message)
  }

  const forget = (row: Row, fault: Fault): void => {
    if (!rows.delete(row.id)) return
    row.inbox.end(fault)
    row.abort.abort(fault)
    endIfDone()
  }
  const forgetIfDone = (row: Row): void => {
    if (row.hasEnded && row.theyEnded) rows.delete(row.id)
    endIfDone()
  }
  /** Not before: with a GOAWAY, or our end, kubectl drops what it has not read of its streams. */
  const endIfDone = (): void => {
    if (!isClosing || rows.size > 0 || hasSaidGoodbye || over.signal.aborted) return
    hasSaidGoodbye = true
    say('goAway', uint32s(lastId, goodbyes.ok))
    void tail.then(() => wire.end())
  }
  const reset = (row: Row, status: number, why: string): void => {
    if (!rows.has(row.id)) return
    say('rstStream', uint32s(row.id, status))
    forget(row, new Fault('Unavailable', `the stream was given up: ${why}`))
  }

  /** A client that counts waits until it hears that there is room again. */
  const isTaken = (row: Row, bytes: number): void => {
    if (over.signal.aborted) return
    row.taken += bytes
    taken += bytes
    if (row.taken >= windowBytes / 2 && rows.has(row.id) && !row.theyEnded) {
      say('windowUpdate', uint32s(row.id, row.taken))
      row.taken = 0
    }
    if (taken >= windowBytes / 2) {
      say('windowUpdate', uint32s(0, taken))
      taken = 0
    }
  }

  const streamOf = (row: Row, headers: Headers): SpdyStream => ({
    id: row.id,
    headers,
    incoming: row.inbox,
    async write(bytes) {
      for (let at = 0; at < bytes.length; at += frameBytes) {
        if (row.hasEnded) throw new Fault('Unavailable', 'the stream has ended')
        row.abort.signal.throwIfAborted()
        const piece = bytes.subarray(at, at + frameBytes)
        row.credit -= piece.length
        credit -= piece.length
        await put(dataFrame(row.id, piece, false))
      }
    },
    end() {
      if (row.hasEnded || !rows.has(row.id)) return
      row.hasEnded = true
      void put(dataFrame(row.id, new Uint8Array(), true)).catch(() => undefined)
      forgetIfDone(row)
    },
    reset: why => reset(row, resets.cancel, why),
  })

  const theyEnd = (row: Row): void => {
    row.theyEnded = true
    row.inbox.end()
    forgetIfDone(row)
  }

  const open = (id: number, flags: number, found: Headers): void => {
    if (isClosing || rows.size >= mostStreams) {
      say('rstStream', uint32s(id, resets.refused))
      return
    }
    const row: Row = {
      id,
      inbox: boxes.open(bytes => isTaken(row, bytes)),
      abort: new AbortController(),
      credit: windowBytes,
      taken: 0,
      hasEnded: false,
      theyEnded: false,
    }
    rows.set(id, row)
    say('synReply', Buffer.concat([uint32s(id), pack(new Map())]))
    try {
      of.onStream(streamOf(row, found))
    } catch (error) {
      reset(row, resets.refused, describeError(error))
    }
    if ((flags & finFlag) !== 0) theyEnd(row)
  }

  /** A stream that is over may still be spoken of by who did not hear of it; one that never was may not. */
  const rowOf = (id: number): Row | undefined => {
    if (id === 0 || id > lastId || id % 2 === 0)
      throw new Fault('Malformed', `stream ${id} was never opened: the last one is ${lastId}`)
    return rows.get(id)
  }

  const take: { readonly [type in FrameType]: (frame: ControlFrame) => Promise<void> | void } = {
    async synStream({ flags, payload }) {
      need(payload.length >= 10, 'a SYN_STREAM has at least 10 bytes')
      const id = idAt(payload)
      if (id % 2 === 0 || id <= lastId)
        throw new Fault('Malformed', `stream ${id} cannot be opened: ids are odd and grow, the last one is ${lastId}`)
      lastId = id
      open(id, flags, await headers.read(payload.subarray(10)))
    },
    synReply({ payload }) {
      need(payload.length >= 4, 'a SYN_REPLY has at least 4 bytes')
      throw new Fault('Malformed', `an answer to stream ${idAt(payload)}, which we did not open`)
    },
    rstStream({ payload }) {
      need(payload.length === 8, 'an RST_STREAM has 8 bytes')
      const row = rowOf(idAt(payload))
      if (row !== undefined)
        forget(row, new Fault('Unavailable', `the client gave the stream up (status ${payload.readUInt32BE(4)})`))
    },
    settings({ payload }) {
      need(
        payload.length >= 4 && payload.length === 4 + 8 * payload.readUInt32BE(0),
        'SETTINGS as long as its number says',
      )
    },
    ping({ payload }) {
      need(payload.length === 4, 'a PING has 4 bytes')
      // Even ones would be ours.
      if (payload.readUInt32BE(0) % 2 === 1) say('ping', payload)
    },
    goAway({ payload }) {
      need(payload.length === 8, 'a GOAWAY has 8 bytes')
      isClosing = true
      endIfDone()
    },
    async headers({ flags, payload }) {
      need(payload.length >= 4, 'a HEADERS has at least 4 bytes')
      const row = rowOf(idAt(payload))
      // Read in any case: the next block needs what this one leaves in zlib.
      await headers.read(payload.subarray(4))
      if (row !== undefined && (flags & finFlag) !== 0) theyEnd(row)
    },
    windowUpdate({ payload }) {
      need(payload.length === 8, 'a WINDOW_UPDATE has 8 bytes')
      const id = idAt(payload)
      const more = payload.readUInt32BE(4) & mostWindow
      need(more > 0, 'a WINDOW_UPDATE is of one byte or more')
      const row = id === 0 ? undefined : rowOf(id)
      if (row !== undefined) row.credit += more
      else if (id === 0) credit += more
      const now = id === 0 ? credit : (row?.credit ?? 0)
      if (now > mostWindow)
        throw new Fault('Malformed', `stream ${id} has a credit of ${now} bytes, at most ${mostWindow}`)
    },
  }

  const takeData = ({ stream, bytes, isLast }: DataPiece): void => {
    const row = rowOf(stream)
    if (row === undefined) return
    if (row.theyEnded) throw new Fault('Malformed', `stream ${stream} goes on after its end`)
    row.inbox.push(bytes)
    if (isLast) theyEnd(row)
  }

  const run = async (): Promise<void> => {
    const read = frameReader()
    try {
      for await (const chunk of wire.incoming) {
        for (const event of read(chunk)) {
          if (over.signal.aborted) return
          if (event.event === 'data') takeData(event)
          else await take[event.type](event)
          if (answers > mostAnswers) await tail
        }
        await gate.promise
        if (over.signal.aborted) return
      }
      isOver(new Fault('Unavailable', 'the client has hung up'))
      wire.reset('the client has hung up')
    } catch (error) {
      if (wire.signal.aborted) isOver(faultFrom(wire.signal.reason))
      else fail(faultFrom(error))
    }
  }

  return {
    done: run(),
    signal: over.signal,
    close() {
      isClosing = true
      endIfDone()
    },
    fail,
  }
}

const idAt = (payload: Buffer): number => payload.readUInt32BE(0) & 0x7fff_ffff

const need = (isSo: boolean, what: string): void => {
  if (!isSo) throw new Fault('Malformed', `a frame is not as it must be: ${what}`)
}
