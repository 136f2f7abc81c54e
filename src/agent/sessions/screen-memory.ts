/** The last bytes that a terminal showed; older ones are forgotten. */
export interface ScreenMemory {
  push(bytes: Uint8Array): void
  /** From the beginning of a line where something is forgotten already. */
  bytes(): Uint8Array
}

/**
 * What somebody sees who comes back to a shell.
 *
 * @example const memory = screenMemory(64 * 1024); memory.push(chunk); memory.bytes()
 */
export const screenMemory = (mostBytes: number): ScreenMemory => {
  let chunks: Uint8Array[] = []
  let length = 0
  let hasForgotten = false
  return {
    push(bytes) {
      chunks.push(bytes)
      length += bytes.length
      // Joined seldom: most chunks are a few bytes.
      if (length < 2 * mostBytes && chunks.length < 1024) return
      const all = Buffer.concat(chunks)
      hasForgotten ||= all.length > mostBytes
      chunks = [all.subarray(-mostBytes)]
      length = Math.min(all.length, mostBytes)
    },
    bytes() {
      const all = Buffer.concat(chunks)
      const last = all.subarray(-mostBytes)
      if (!hasForgotten && last.length === all.length) return last
      const line = last.indexOf(10)
      return line < 0 ? last : last.subarray(line + 1)
    },
  }
}
