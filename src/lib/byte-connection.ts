/** Bytes both ways, each way ended by itself, with back-pressure both ways. */
export interface ByteConnection {
  /** What the other side sends, until it ends. One consumer. */
  readonly incoming: AsyncIterable<Uint8Array>
  /** Resolves when there is room for more. @throws the connection's error when it is over */
  write(bytes: Uint8Array): Promise<void>
  /** No more from this side. */
  end(): void
  /** Gives up both ways. Idempotent. */
  close(): void
}
