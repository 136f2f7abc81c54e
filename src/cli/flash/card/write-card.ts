import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { Fault } from '../../../api/fault.ts'
import type { Source } from '../overlay.ts'
import { cardFault } from './card-fault.ts'

/*
 *   zeros over the first piece ──> pieces 2 … n ──> piece 1 ──> sync          the card starts nothing before it is whole
 *   read back past the page cache ──> the same digests, piece by piece
 */

/** Of every JavaScript engine; its types come with those of browsers only. */
declare const WebAssembly: {
  readonly Memory: new (of: { readonly initial: number }) => { readonly buffer: ArrayBuffer }
}

export const pieceBytes = 4 * 1024 * 1024

/** Told after each piece. */
export type OnProgress = (done: number, total: number) => void

export interface Written {
  /** SHA-256 of each piece, as it was given to the card. */
  readonly digests: readonly string[]
}

/**
 * Writes the image onto the device, its first piece last. The device is opened alone: one that is mounted is refused.
 *
 * @throws Fault Machine when it is in use, too small, gone, or takes no more
 * @example const written = await writeCard({ device: '/dev/sdb', image: overlay, bytes: 31_914_983_424, progress, signal })
 */
export const writeCard = async (of: {
  readonly device: string
  readonly image: Source
  /** The size of the device. */
  readonly bytes: number
  readonly progress: OnProgress
  readonly signal: AbortSignal
}): Promise<Written> => {
  const { device, image } = of
  if (image.length > of.bytes)
    throw new Fault(
      'Machine',
      `the image has ${image.length} bytes, and ${device} holds ${of.bytes}: take a larger card. Nothing was written`,
      { device },
    )
  const file = await opened(device, constants.O_RDWR | constants.O_EXCL)
  let place = 0
  try {
    const pieces = Math.ceil(image.length / pieceBytes)
    const digests: string[] = []
    await writeAt(file, Buffer.alloc(Math.min(pieceBytes, image.length)), 0)
    for (let done = 1; done <= pieces; done += 1) {
      of.signal.throwIfAborted()
      // 1, 2, … n - 1, and then 0.
      const piece = done % pieces
      place = piece * pieceBytes
      const bytes = image.read(place, Math.min(pieceBytes, image.length - place))
      digests[piece] = digestOf(bytes)
      // What the card has before the first piece is there for good before the first piece is.
      if (piece === 0) await file.datasync()
      await writeAt(file, bytes, place)
      of.progress(Math.min(done * pieceBytes, image.length), image.length)
    }
    await file.datasync()
    return { digests }
  } catch (error) {
    if (error instanceof Fault || of.signal.aborted) throw error
    throw cardFault(device, error, place)
  } finally {
    await file.close().catch(() => undefined)
  }
}

/**
 * Reads the card back, not from this machine's memory but from the card, and compares.
 *
 * @throws Fault Machine that names the place where it differs
 */
export const verifyCard = async (of: {
  readonly device: string
  readonly length: number
  readonly written: Written
  readonly progress: OnProgress
  readonly signal: AbortSignal
}): Promise<void> => {
  const { device, length } = of
  const file = await opened(device, constants.O_RDONLY | constants.O_DIRECT)
  // O_DIRECT wants memory that begins with a page, which WebAssembly's does.
  const page = Buffer.from(new WebAssembly.Memory({ initial: pieceBytes / 65_536 }).buffer)
  try {
    for (const [piece, digest] of of.written.digests.entries()) {
      of.signal.throwIfAborted()
      const place = piece * pieceBytes
      const count = Math.min(pieceBytes, length - place)
      await readAt(file, page, place, count).catch(error => {
        throw cardFault(device, error, place)
      })
      if (digestOf(page.subarray(0, count)) !== digest)
        throw new Fault(
          'Machine',
          `${device} does not hold what was written to it: it differs between ${place / 1024 / 1024} and ${(place + count) / 1024 / 1024} MiB. The card is worn out or not what it says it is: take another`,
          { device, place },
        )
      of.progress(place + count, length)
    }
  } finally {
    await file.close()
  }
}

const opened = async (device: string, flags: number): Promise<FileHandle> => {
  try {
    return await open(device, flags)
  } catch (error) {
    throw cardFault(device, error)
  }
}

const writeAt = async (file: FileHandle, bytes: Uint8Array, place: number): Promise<void> => {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, place + done)
    done += bytesWritten
  }
}

/** Whole sectors are read, and what is above `count` is left alone. */
const readAt = async (file: FileHandle, page: Buffer, place: number, count: number): Promise<void> => {
  const whole = Math.ceil(count / 4096) * 4096
  for (let done = 0; done < count; ) {
    const { bytesRead } = await file.read(page, done, whole - done, place + done)
    if (bytesRead === 0) throw Object.assign(new Error('the device ended'), { code: 'ENODEV' })
    done += bytesRead
  }
}

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64')
