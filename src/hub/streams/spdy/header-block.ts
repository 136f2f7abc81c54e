import { constants, createInflate } from 'node:zlib'
import { Fault } from '../../../api/fault.ts'
import { dictionary } from './dictionary.ts'

/** Inflated. A client of Kubernetes sends about a hundred bytes. */
export const mostBlockBytes = 32 * 1024

const mostHeaders = 64

export type Headers = ReadonlyMap<string, string>

/** Reads the header blocks of one direction of a connection, in their order: they share one zlib stream. */
export interface HeaderReader {
  /** @throws Fault Malformed when it is no header block, or a large one */
  read(block: Uint8Array): Promise<Headers>
  close(): void
}

/** @example const reader = headerReader(); const headers = await reader.read(block) */
export const headerReader = (): HeaderReader => {
  const inflate = createInflate({ dictionary })
  let chunks: Buffer[] = []
  let size = 0
  let failed: Fault | undefined
  let settle = (): void => {}
  const fail = (why: string, cause?: unknown): void => {
    failed ??= new Fault('Malformed', `a header block ${why}`, {}, cause)
    settle()
  }
  inflate.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= mostBlockBytes) chunks.push(chunk)
    else {
      // A few bytes can inflate to a thousand times as many: it stops here, and for good.
      inflate.destroy()
      fail(`inflates to more than ${mostBlockBytes} bytes`)
    }
  })
  inflate.on('error', error => fail('is not what zlib packed', error))
  inflate.on('end', () => fail('ends the zlib stream'))

  const inflated = async (block: Uint8Array): Promise<Buffer> => {
    chunks = []
    size = 0
    if (failed === undefined && !inflate.destroyed) {
      const done = new Promise<void>(resolve => {
        settle = resolve
      })
      inflate.write(block)
      inflate.flush(constants.Z_SYNC_FLUSH, () => settle())
      await done
      while (inflate.read() !== null);
    }
    if (failed !== undefined) throw failed
    return Buffer.concat(chunks)
  }

  return {
    read: async block => parseHeaders(await inflated(block)),
    close() {
      inflate.destroy()
      fail('came when the connection was over')
    },
  }
}

/** [SPDY/3.1, 2.6.10] Number of pairs, then name and value of each, all with their lengths before them. */
const parseHeaders = (bytes: Buffer): Headers => {
  let at = 0
  const number = (): number => {
    if (at + 4 > bytes.length) throw new Fault('Malformed', 'a header block is cut short')
    at += 4
    return bytes.readUInt32BE(at - 4)
  }
  const text = (): string => {
    const length = number()
    if (at + length > bytes.length) throw new Fault('Malformed', 'a header block is cut short')
    at += length
    return bytes.toString('utf8', at - length, at)
  }
  const count = number()
  if (count > mostHeaders) throw new Fault('Malformed', `a header block of ${count} headers, at most ${mostHeaders}`)
  const headers = new Map<string, string>()
  for (let index = 0; index < count; index += 1) {
    const name = text()
    const value = text()
    if (name === '' || headers.has(name)) throw new Fault('Malformed', 'a header without a name, or twice')
    headers.set(name, value)
  }
  if (at !== bytes.length) throw new Fault('Malformed', `${bytes.length - at} bytes behind the last header`)
  return headers
}

/**
 * Packs the header blocks of one direction: zlib's stored blocks, as what we send is a few bytes and rarely.
 *
 * @example const pack = headerPacker(); const block = pack(new Map())
 */
export const headerPacker = (): ((headers: Headers) => Buffer) => {
  // Deflate with the largest window, the fastest level, no dictionary (RFC 1950, 2.2).
  let start: Uint8Array = Buffer.from([0x78, 0x01])
  return headers => {
    const block = formatHeaders(headers)
    const stored = Buffer.alloc(5)
    stored.writeUInt16LE(block.length, 1)
    stored.writeUInt16LE(block.length ^ 0xffff, 3)
    const packed = Buffer.concat([start, stored, block, flushMark])
    start = Buffer.alloc(0)
    return packed
  }
}

/** An empty block, as a sync flush ends with: Go's reader gives out what came before it only then. */
const flushMark = Buffer.from([0, 0, 0, 0xff, 0xff])

const formatHeaders = (headers: Headers): Buffer => {
  const number = (value: number): Buffer => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(value)
    return bytes
  }
  const text = (value: string): readonly Buffer[] => {
    const bytes = Buffer.from(value)
    return [number(bytes.length), bytes]
  }
  return Buffer.concat([
    number(headers.size),
    ...[...headers].flatMap(([name, value]) => [...text(name), ...text(value)]),
  ])
}
