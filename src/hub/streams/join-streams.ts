import { describeError } from '../../api/fault.ts'
import type { ByteStream } from '../ports.ts'

/** A client's end of a connection: as a stream, but its end may have to be said first. */
export type ClientStream = Pick<ByteStream, 'incoming' | 'write' | 'reset'> & { end(): void | Promise<void> }

/**
 * Connects two streams until both ways have ended, each by itself; one that breaks breaks the other. Never rejects.
 *
 * @returns why it broke; undefined when it did not
 */
export const joinStreams = async (
  client: ClientStream,
  pod: ByteStream,
  moved: (way: 'received' | 'sent', bytes: number) => void,
): Promise<string | undefined> => {
  let broke: string | undefined
  const carry = async (way: 'received' | 'sent', from: ClientStream, to: ClientStream): Promise<void> => {
    try {
      for await (const chunk of from.incoming) {
        await to.write(chunk)
        moved(way, chunk.length)
      }
      await to.end()
    } catch (error) {
      broke ??= describeError(error)
      client.reset(broke)
      pod.reset(broke)
    }
  }
  await Promise.all([carry('received', client, pod), carry('sent', pod, client)])
  return broke
}
