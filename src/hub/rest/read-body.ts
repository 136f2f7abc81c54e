import type { IncomingMessage } from 'node:http'
import { Fault } from '../../api/fault.ts'

/**
 * The whole body of a request.
 *
 * `claim` is told of every part before it is kept, and may refuse it.
 *
 * @throws Fault RequestEntityTooLarge above the limit; UnsupportedMediaType when it is compressed
 */
export const readBody = async (
  request: IncomingMessage,
  limitBytes: number,
  claim: (bytes: number) => void,
): Promise<Buffer> => {
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') {
    throw new Fault('UnsupportedMediaType', `the body has the encoding ${encoding.slice(0, 80)}: send it plain`)
  }
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > limitBytes) throw tooLarge(limitBytes, announced)
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk)
    size += bytes.length
    if (size > limitBytes) throw tooLarge(limitBytes, size)
    claim(bytes.length)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks)
}

const tooLarge = (limitBytes: number, size: number): Fault =>
  new Fault(
    'RequestEntityTooLarge',
    `Request entity too large: limit is ${limitBytes}, the body has ${size} bytes or more`,
    {
      limitBytes,
    },
  )
