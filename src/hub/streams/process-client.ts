import type { Fault } from '../../api/fault.ts'
import type { StreamResult } from '../../wire/side-channel/requests.ts'

/** Who watches a process and types into it: a client of whatever protocol. */
export interface ProcessClient {
  /** Ends when the client closes it; fails when the client goes. */
  readonly stdin: AsyncIterable<Uint8Array>
  /** JSON of terminal sizes, one after another. */
  readonly sizes: AsyncIterable<Uint8Array>
  /** Both resolve when the client may get more. @throws Fault Unavailable when it has gone */
  stdout(bytes: Uint8Array): Promise<void>
  stderr(bytes: Uint8Array): Promise<void>
  /** The last word, and then the end of the connection. */
  finish(result: StreamResult): Promise<void>
  /** Ends the connection because of what the client did. */
  fail(fault: Fault): void
  /** Aborts when the client has gone or was failed; the reason is a Fault. */
  readonly signal: AbortSignal
}
