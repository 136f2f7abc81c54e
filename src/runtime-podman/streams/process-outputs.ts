import { Fault } from '../../api/fault.ts'
import { type BoundedStream, boundedStream } from '../../lib/bounded-stream.ts'

/** Bytes of one output that wait for its reader; then the engine's connection is not read any more. */
const mostWaiting = 64 * 1024
const headerBytes = 8

export interface ProcessOutputs {
  readonly stdout: AsyncIterable<Uint8Array>
  readonly stderr: AsyncIterable<Uint8Array>
  /** Resolves when the connection has ended and all was handed on; never rejects: readers hear of a failure. */
  readonly ended: Promise<void>
}

/**
 * Parts what comes on an engine's connection into the two outputs. Without a terminal every piece has a header of
 * eight bytes (1 or 2, three zeros, length); with one all is standard output.
 *
 * @example const { stdout, stderr } = processOutputs(connection.incoming, { isFramed: true })
 */
export const processOutputs = (
  source: AsyncIterable<Uint8Array>,
  of: { readonly isFramed: boolean },
): ProcessOutputs => {
  const stdout = boundedStream(mostWaiting)
  const stderr = boundedStream(mostWaiting)
  if (!of.isFramed) stderr.end()
  const parts = of.isFramed ? unframed(source) : plain(source)
  const ended = (async () => {
    try {
      for await (const part of parts) await (part.to === 2 ? stderr : stdout).push(part.bytes)
      endBoth(stdout, stderr)
    } catch (error) {
      endBoth(stdout, stderr, error)
    }
  })()
  return { stdout, stderr, ended }
}

interface Part {
  readonly to: 1 | 2
  readonly bytes: Uint8Array
}

const endBoth = (stdout: BoundedStream, stderr: BoundedStream, error?: unknown): void => {
  stdout.end(error)
  stderr.end(error)
}

async function* plain(source: AsyncIterable<Uint8Array>): AsyncGenerator<Part> {
  for await (const bytes of source) yield { to: 1, bytes }
}

/** Pieces are handed on as they come: a large one is never put together. */
async function* unframed(source: AsyncIterable<Uint8Array>): AsyncGenerator<Part> {
  let header: Buffer = Buffer.alloc(0)
  let to: 1 | 2 = 1
  let left = 0
  for await (const chunk of source) {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    while (rest.length > 0) {
      if (left > 0) {
        const part = rest.subarray(0, left)
        left -= part.length
        rest = rest.subarray(part.length)
        yield { to, bytes: part }
        continue
      }
      const missing = headerBytes - header.length
      header = Buffer.concat([header, rest.subarray(0, missing)])
      rest = rest.subarray(missing)
      if (header.length < headerBytes) break
      to = outputOf(header)
      left = header.readUInt32BE(4)
      header = Buffer.alloc(0)
    }
  }
}

const outputOf = (header: Buffer): 1 | 2 => {
  const number = header[0]
  if (number === 1 || number === 2) return number
  throw new Fault('Malformed', `the engine sent a piece of output numbered ${number}; 1 and 2 are known`)
}
