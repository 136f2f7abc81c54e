import type { StreamResult } from './requests.ts'

/** One stream of a session, as either side has it. */
export interface MuxStream {
  /** Its number in the session; another stream may name it. */
  readonly id: number
  readonly incoming: AsyncIterable<Uint8Array>
  /** Resolves when the bytes are on their way or may wait within the credit. @throws Fault when the stream is over */
  write(bytes: Uint8Array): Promise<void>
  /** No more from this side. */
  end(): void
  /** Aborts when the other side gave up, or the session ended. */
  readonly signal: AbortSignal
  /** Gives up. */
  reset(why: string): void
}

/** The hub's end. */
export interface OpenedStream extends MuxStream {
  /** Resolves when the other side serves it; its fault when it does not. */
  readonly accepted: Promise<void>
  readonly result: Promise<StreamResult>
  /** A newer value of what may change, e.g. `{ columns, rows }`: of those that wait only the newest is sent. */
  update(value: unknown): void
}

/** The node's end. */
export interface ServedStream extends MuxStream {
  accept(): void
  finish(result: StreamResult): void
  /** One listener, which hears of every update that came; the value is unchecked. */
  onUpdate(listener: (value: unknown) => void): void
}
