/** Chunks on their way from one that makes them to one that takes them, with a bound to those that wait. */
export interface BoundedStream extends AsyncIterable<Uint8Array> {
  /** Resolves when less than the bound waits. What comes after the end, or after the reader left, is thrown away. */
  push(chunk: Uint8Array): Promise<void>
  /** What waits is still given out; then it ends, or throws `error`. */
  end(error?: unknown): void
}

/**
 * At the bound the writer waits. One writer, one reader.
 *
 * @example const output = boundedStream(64 * 1024); await output.push(chunk); … for await (const chunk of output) …
 */
export const boundedStream = (mostBytes: number): BoundedStream => {
  const waiting: Uint8Array[] = []
  let bytes = 0
  let ended: { readonly error: unknown } | undefined
  let hasLeft = false
  let wakeReader = (): void => {}
  let wakeWriter = (): void => {}
  return {
    async push(chunk) {
      if (ended !== undefined || hasLeft || chunk.length === 0) return
      waiting.push(chunk)
      bytes += chunk.length
      wakeReader()
      if (bytes >= mostBytes)
        await new Promise<void>(resolve => {
          wakeWriter = resolve
        })
    },
    end(error) {
      ended ??= { error }
      wakeReader()
      wakeWriter()
    },
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          const chunk = waiting.shift()
          if (chunk !== undefined) {
            bytes -= chunk.length
            if (bytes < mostBytes) wakeWriter()
            yield chunk
          } else if (ended !== undefined) {
            if (ended.error !== undefined) throw ended.error
            return
          } else
            await new Promise<void>(resolve => {
              wakeReader = resolve
            })
        }
      } finally {
        hasLeft = true
        waiting.length = 0
        wakeWriter()
      }
    },
  }
}
