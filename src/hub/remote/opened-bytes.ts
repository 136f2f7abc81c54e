import { describeError, isFault } from '../../api/fault.ts'
import type { OpenedStream } from '../../wire/side-channel/streams.ts'
import { whileStreaming } from '../fleet/remote-process.ts'
import type { RemoteProcess } from '../ports.ts'

/**
 * A stream that the node serves, for as long as `signal` lives. Resolves when it is accepted.
 *
 * @throws Fault of the node
 */
export const accepted = async (stream: OpenedStream, signal: AbortSignal): Promise<OpenedStream> => {
  whileStreaming(stream, signal, why => stream.reset(why))
  await stream.accepted
  return stream
}

/** Bytes both ways with a result at the end, as a process has them. */
export const asProcess = (stream: OpenedStream): RemoteProcess => ({
  stdin: stream,
  stdout: stream.incoming,
  stderr: { async *[Symbol.asyncIterator]() {} },
  resize() {},
  result: stream.result.catch((error: unknown) => ({
    error: {
      reason: isFault(error) ? error.reason : ('Internal' as const),
      message: describeError(error).slice(0, 4096),
    },
  })),
  close: why => stream.reset(why),
})
