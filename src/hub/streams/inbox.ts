/**
 * Bytes that came and were not taken yet. One consumer; when it leaves, what waits and what still comes is dropped.
 */
export interface Inbox extends AsyncIterable<Uint8Array> {
  push(chunk: Uint8Array): void
  /** What waits is still given out; then it ends, or throws `error`. */
  end(error?: Error): void
}

export interface Inboxes {
  /** `taken` learns how many bytes left the inbox, to its consumer or by being dropped. */
  open(taken?: (bytes: number) => void): Inbox
  /** What all of them hold now, in bytes, the cost of each chunk included. */
  readonly held: number
}

/** What keeping one more chunk costs, beside its bytes: a peer that sends single bytes fills its room, too. */
const chunkCost = 64

/**
 * The inboxes of one connection, which share one room. At its bound `full` is called, and the source must give no more;
 * `room` when half of it is free again. So a consumer that is slow slows its peer, and costs no more than the room.
 *
 * @example const boxes = inboxes({ mostBytes: 256 * 1024, full: () => ws.pause(), room: () => ws.resume() })
 */
export const inboxes = (of: {
  readonly mostBytes: number
  readonly full: () => void
  readonly room: () => void
}): Inboxes => {
  let held = 0
  let isFull = false

  const add = (chunk: Uint8Array): void => {
    held += chunk.length + chunkCost
    if (isFull || held < of.mostBytes) return
    isFull = true
    of.full()
  }
  const remove = (chunk: Uint8Array): void => {
    held -= chunk.length + chunkCost
    if (!isFull || held > of.mostBytes / 2) return
    isFull = false
    of.room()
  }

  return {
    get held() {
      return held
    },
    open(taken = () => {}) {
      const waiting: Uint8Array[] = []
      let ended: { readonly error: Error | undefined } | undefined
      let isLeft = false
      let wake = (): void => {}
      const take = (): Uint8Array | undefined => {
        const chunk = waiting.shift()
        if (chunk === undefined) return undefined
        remove(chunk)
        taken(chunk.length)
        return chunk
      }
      return {
        push(chunk) {
          if (chunk.length === 0 || ended !== undefined) return
          if (isLeft) {
            taken(chunk.length)
            return
          }
          const kept = compact(chunk)
          waiting.push(kept)
          add(kept)
          wake()
        },
        end(error) {
          ended ??= { error }
          wake()
        },
        async *[Symbol.asyncIterator]() {
          try {
            for (;;) {
              const chunk = take()
              if (chunk !== undefined) yield chunk
              else if (ended?.error !== undefined) throw ended.error
              else if (ended !== undefined) return
              else
                await new Promise<void>(resolve => {
                  wake = resolve
                })
            }
          } finally {
            isLeft = true
            while (take() !== undefined);
          }
        },
      }
    },
  }
}

/** A few bytes that are cut out of a large buffer would keep all of it. */
const compact = (chunk: Uint8Array): Uint8Array =>
  chunk.length * 2 < chunk.buffer.byteLength ? Uint8Array.from(chunk) : chunk
