/** Reads chunks of bytes as if they were one piece, by counts. */
export interface ByteSource {
  /** Exactly `count` bytes; for headers and padding. @throws RangeError where there are fewer */
  take(count: number): Promise<Buffer>
  /** `count` bytes in chunks as they come; must be read to the end before anything else is taken. */
  upTo(count: number): AsyncIterable<Uint8Array>
  /** Reads on to the end and drops it. */
  drain(): Promise<void>
}

/** @example const source = byteSource(chunks, 'the archive'); await source.take(512) */
export const byteSource = (chunks: AsyncIterable<Uint8Array>, what: string): ByteSource => {
  const iterator = chunks[Symbol.asyncIterator]()
  let rest: Buffer = Buffer.alloc(0)

  /** One to `most` bytes. */
  const some = async (most: number): Promise<Buffer> => {
    while (rest.length === 0) {
      const next = await iterator.next()
      if (next.done === true) throw new RangeError(`${what} is cut short`)
      rest = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength)
    }
    const taken = rest.subarray(0, most)
    rest = rest.subarray(taken.length)
    return taken
  }

  return {
    async take(count) {
      const parts: Buffer[] = []
      for (let left = count; left > 0; ) {
        const part = await some(left)
        parts.push(part)
        left -= part.length
      }
      return Buffer.concat(parts)
    },
    upTo(count) {
      let left = count
      return {
        async *[Symbol.asyncIterator]() {
          while (left > 0) {
            const part = await some(left)
            left -= part.length
            yield part
          }
        },
      }
    },
    async drain() {
      rest = Buffer.alloc(0)
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next());
    },
  }
}
