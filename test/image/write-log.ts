import { closeSync, openSync, readSync } from 'node:fs'

/*
 * What QEMU's `blklogwrites` keeps, in the form of the kernel's dm-log-writes (Documentation/admin-guide/device-mapper/
 * log-writes.rst): one sector that describes the log, then for each entry one sector that describes it, and its bytes.
 */

/** One request of the guest to its disk, in the order in which it was made. */
export interface LoggedWrite {
  /** Where on the disk, bytes. */
  readonly at: number
  readonly bytes: number
  /** All that was written before is on the medium when this one is done. */
  readonly isFlush: boolean
  /** This one is itself on the medium when it is done. */
  readonly isForced: boolean
  readonly isDiscard: boolean
  /** Where its bytes lie in the log. */
  readonly from: number
}

const magic = 0x6a736677736872n
const [flush, forced, discard] = [1n, 2n, 4n]

/**
 * @throws RangeError when the file is no such log, or ends inside an entry
 * @example const writes = readWriteLog('card-1.log')
 */
export const readWriteLog = (path: string): readonly LoggedWrite[] => {
  const file = openSync(path, 'r')
  try {
    const head = sector(file, 0, 512)
    if (head.readBigUInt64LE(0) !== magic) throw new RangeError(`${path} is no log of writes`)
    const count = Number(head.readBigUInt64LE(16))
    const size = head.readUInt32LE(24)
    const writes: LoggedWrite[] = []
    let at = size
    for (let entry = 0; entry < count; entry += 1) {
      const line = sector(file, at, 32)
      const [start, length, flags] = [0, 8, 16].map(offset => line.readBigUInt64LE(offset)) as [bigint, bigint, bigint]
      const isDiscard = (flags & discard) !== 0n
      const bytes = Number(length) * size
      const write = { at: Number(start) * size, bytes, isDiscard, from: at + size }
      writes.push({ ...write, isFlush: (flags & flush) !== 0n, isForced: (flags & forced) !== 0n })
      at += size + (isDiscard ? 0 : bytes)
    }
    return writes
  } finally {
    closeSync(file)
  }
}

const sector = (file: number, at: number, bytes: number): Buffer => {
  const found = Buffer.alloc(bytes)
  if (readSync(file, found, 0, bytes, at) !== bytes) throw new RangeError(`the log ends at ${at}, inside an entry`)
  return found
}

/**
 * Which writes are on the medium when the power is cut after `count` requests: all that a flush has forced out, and of
 * the others those that `keeps` says.
 *
 * @example writesAfterCut(writes, 1200, () => random() < 0.5)
 */
export const writesAfterCut = (
  writes: readonly LoggedWrite[],
  count: number,
  keeps: (index: number) => boolean,
): readonly number[] => {
  const lastFlush = writes.slice(0, count).findLastIndex(one => one.isFlush)
  return writes
    .slice(0, count)
    .flatMap((one, index) => (index < lastFlush || one.isForced || keeps(index) ? [index] : []))
    .filter(index => (writes[index]?.bytes ?? 0) > 0 && writes[index]?.isDiscard !== true)
}
