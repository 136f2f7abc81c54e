/** Bytes that can be read in parts: a file, a device, or what is in memory. */
export interface Source {
  readonly length: number
  /** Exactly `length` bytes from `at`. @throws when there are fewer */
  read(at: number, length: number): Uint8Array
}

/** Bytes that go to a place. */
export interface Patch {
  readonly offset: number
  readonly content: Source
}

/** An image with changes over it that nobody has written yet: a fault on the way leaves the image as it was. */
export interface Overlay extends Source {
  write(offset: number, bytes: Uint8Array): void
  /** As `write`, for content that is too large to keep: it is read when it is written. `offset` in whole blocks. */
  place(offset: number, content: Source): void
  /** All changes: large contents first, then blocks in the order of their place. Blocks win. */
  patches(): readonly Patch[]
}

const blockSize = 512

export const bytesSource = (bytes: Uint8Array): Source => ({
  length: bytes.length,
  read: (at, length) => {
    if (at + length > bytes.length) throw new RangeError(`${length} bytes at ${at} of ${bytes.length}`)
    return bytes.subarray(at, at + length)
  },
})

/** A part of a source, as one of its own. */
export const partOf = (source: Source, from: number, length: number): Source => ({
  length,
  read: (at, count) => source.read(from + at, count),
})

/**
 * Changes over `base`, kept in memory in blocks of 512 bytes.
 *
 * @example const overlay = openOverlay(fileSource(handle)); overlay.write(0, bytes); overlay.patches()
 */
export const openOverlay = (base: Source): Overlay => {
  const blocks = new Map<number, Uint8Array>()
  const placed: Patch[] = []

  const readBelow = (at: number, length: number): Uint8Array => {
    const bytes = Uint8Array.from(base.read(at, length))
    for (const { offset, content } of placed) {
      const from = Math.max(at, offset)
      const to = Math.min(at + length, offset + content.length)
      if (from < to) bytes.set(content.read(from - offset, to - from), from - at)
    }
    return bytes
  }
  const blockAt = (number: number): Uint8Array => {
    const known = blocks.get(number)
    if (known !== undefined) return known
    const start = number * blockSize
    // An image may end within a block.
    const block = new Uint8Array(Math.min(blockSize, base.length - start))
    block.set(readBelow(start, block.length))
    blocks.set(number, block)
    return block
  }

  return {
    length: base.length,
    read(at, length) {
      const bytes = readBelow(at, length)
      for (let number = Math.floor(at / blockSize); number * blockSize < at + length; number += 1) {
        const block = blocks.get(number)
        if (block === undefined) continue
        const start = number * blockSize
        const from = Math.max(at, start)
        const to = Math.min(at + length, start + block.length)
        bytes.set(block.subarray(from - start, to - start), from - at)
      }
      return bytes
    },
    write(offset, bytes) {
      if (offset < 0 || offset + bytes.length > base.length)
        throw new RangeError(`${bytes.length} bytes at ${offset} of ${base.length}`)
      for (let done = 0; done < bytes.length; ) {
        const number = Math.floor((offset + done) / blockSize)
        const within = offset + done - number * blockSize
        const count = Math.min(blockSize - within, bytes.length - done)
        blockAt(number).set(bytes.subarray(done, done + count), within)
        done += count
      }
    },
    place(offset, content) {
      if (offset % blockSize !== 0 || offset + content.length > base.length)
        throw new RangeError(`${content.length} bytes at ${offset} of ${base.length}`)
      // What was written there before belongs to a file that is gone.
      for (let at = offset; at < offset + content.length; at += blockSize) blocks.delete(at / blockSize)
      placed.push({ offset, content })
    },
    patches: () => [
      ...placed,
      ...[...blocks]
        .toSorted(([a], [b]) => a - b)
        .map(([number, bytes]) => ({ offset: number * blockSize, content: bytesSource(bytes) })),
    ],
  }
}
