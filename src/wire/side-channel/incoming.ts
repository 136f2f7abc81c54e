/**
 * Chunks that came and were not taken yet. The sender's credit bounds it: what may wait here is what was granted.
 */
export interface Incoming extends AsyncIterable<Uint8Array> {
  push(chunk: Uint8Array): void
  /** What waits is still given out; then it ends, or throws `error`. */
  end(error?: Error): void
}

/** A chunk below this is copied to the end of the one before it: many small ones must not cost more than their bytes. */
const smallBytes = 2048
const blockBytes = 8192

/** `taken` learns how many bytes the consumer took. One consumer. `left`: it stopped before the end. */
export const incoming = (of: { readonly taken: (bytes: number) => void; readonly left: () => void }): Incoming => {
  const waiting: Uint8Array[] = []
  /** The last that waits, where it is a block with room behind it. */
  let block: { readonly bytes: Uint8Array; used: number } | undefined
  let ended: { readonly error: Error | undefined } | undefined
  let wake = (): void => {}

  const add = (chunk: Uint8Array): void => {
    if (chunk.length >= smallBytes || (waiting.length === 0 && block === undefined)) {
      block = undefined
      // A small one alone is copied too: what it was cut from may be large.
      waiting.push(chunk.length >= smallBytes ? chunk : Uint8Array.from(chunk))
      return
    }
    if (block === undefined || block.used + chunk.length > blockBytes) {
      block = { bytes: new Uint8Array(blockBytes), used: 0 }
      waiting.push(block.bytes.subarray(0, 0))
    }
    block.bytes.set(chunk, block.used)
    block.used += chunk.length
    waiting[waiting.length - 1] = block.bytes.subarray(0, block.used)
  }

  return {
    push(chunk) {
      if (ended !== undefined) return
      add(chunk)
      wake()
    },
    end(error) {
      ended ??= { error }
      wake()
    },
    async *[Symbol.asyncIterator]() {
      let isWhole = false
      try {
        for (;;) {
          const chunk = waiting.shift()
          if (chunk !== undefined) {
            if (waiting.length === 0) block = undefined
            of.taken(chunk.length)
            yield chunk
          } else if (ended !== undefined) {
            isWhole = true
            if (ended.error !== undefined) throw ended.error
            return
          } else
            await new Promise<void>(resolve => {
              wake = resolve
            })
        }
      } finally {
        ended ??= { error: undefined }
        waiting.length = 0
        if (!isWhole) of.left()
      }
    },
  }
}
