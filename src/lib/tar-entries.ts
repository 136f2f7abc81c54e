import { byteSource } from './byte-source.ts'

/*
 *   header (512) | body, zeros up to the next 512          two blocks of zeros end the archive
 *
 *   POSIX ustar with pax extended headers for names and sizes that do not fit; read are GNU's long names as well.
 */

const block = 512

/** One member of an archive. `name` and `target` are as they stand there: nobody has checked where they lead. */
export type TarEntry = {
  readonly name: string
  /** Permission bits. */
  readonly mode: number
  /** Seconds since 1970. */
  readonly modified: number
} & (
  | { readonly type: 'file'; readonly size: number; readonly body: AsyncIterable<Uint8Array> }
  | { readonly type: 'folder' }
  | { readonly type: 'link'; readonly target: string }
  /** Devices, pipes, hard links and what else there is. */
  | { readonly type: 'other' }
)

const types: { readonly [type: string]: 'file' | 'folder' | 'link' } = {
  '0': 'file',
  '\0': 'file',
  '5': 'folder',
  '2': 'link',
}

/** Names and targets, in bytes; the header of a long name is read whole. */
const mostName = 4096
const mostExtended = 64 * 1024

/**
 * Writes entries as an archive.
 *
 * @throws RangeError when a body has another length than was announced
 * @example for await (const chunk of writeEntries(packFolder(folder, 'a'))) …
 */
export async function* writeEntries(entries: AsyncIterable<TarEntry>): AsyncGenerator<Uint8Array> {
  for await (const entry of entries) {
    const name = entry.type === 'folder' ? `${entry.name}/` : entry.name
    const target = entry.type === 'link' ? entry.target : ''
    const size = entry.type === 'file' ? entry.size : 0
    const extended = [
      ...(Buffer.byteLength(name) > 100 ? [['path', name]] : []),
      ...(Buffer.byteLength(target) > 100 ? [['linkpath', target]] : []),
      ...(size >= 8 ** 11 ? [['size', String(size)]] : []),
    ].map(([key = '', value = '']) => record(key, value))
    if (extended.length > 0) {
      const body = Buffer.concat(extended)
      const about = { name: 'PaxHeader', mode: 0o644, modified: 0, target: '', size: body.length }
      yield Buffer.concat([header(about, 'x'), body, padding(body.length)])
    }
    yield header(
      { ...entry, name, target, size: size >= 8 ** 11 ? 0 : size },
      { file: '0', folder: '5', link: '2', other: '0' }[entry.type],
    )
    if (entry.type !== 'file') continue
    let written = 0
    for await (const chunk of entry.body) {
      written += chunk.length
      yield chunk
    }
    if (written !== size) throw new RangeError(`${entry.name} has ${written} bytes, not the ${size} announced`)
    if (size % block > 0) yield padding(size)
  }
  yield Buffer.alloc(2 * block)
}

/** pax: its length, itself included, a blank, key=value and a line feed. */
const record = (key: string, value: string): Buffer => {
  const rest = Buffer.byteLength(` ${key}=${value}\n`)
  let length = rest + String(rest).length
  length = rest + String(length).length
  return Buffer.from(`${length} ${key}=${value}\n`)
}

const padding = (size: number): Buffer => Buffer.alloc(-size & (block - 1))

const header = (
  of: {
    readonly name: string
    readonly mode: number
    readonly modified: number
    readonly target: string
    readonly size: number
  },
  type: string,
): Buffer => {
  const bytes = Buffer.alloc(block)
  const octal = (value: number, at: number, length: number) =>
    bytes.write(
      `${Math.max(0, Math.floor(value))
        .toString(8)
        .padStart(length - 1, '0')}\0`,
      at,
      'latin1',
    )
  Buffer.from(of.name).copy(bytes, 0, 0, 100)
  octal(of.mode & 0o7777, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(of.size, 124, 12)
  octal(Math.min(of.modified, 8 ** 11 - 1), 136, 12)
  bytes.write(type, 156, 'latin1')
  Buffer.from(of.target).copy(bytes, 157, 0, 100)
  bytes.write('ustar\x0000', 257, 'latin1')
  bytes.write('        ', 148)
  bytes.write(`${checksum(bytes).toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return bytes
}

/** The sum of all bytes, the checksum field counted as blanks. */
const checksum = (bytes: Buffer): number =>
  bytes.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 32 : byte), 0)

/**
 * The entries of an archive, one after another. The body of a file that was not read is skipped when the next entry is
 * asked for. What follows the archive is read and dropped, so that its writer can end.
 *
 * @throws RangeError when the archive is cut short, damaged, or has names without end
 */
export async function* readEntries(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const source = byteSource(chunks, 'the archive')
  let extended = new Map<string, string>()
  for (;;) {
    const bytes = await source.take(block)
    if (bytes.every(byte => byte === 0)) return await source.drain()
    if (Number.parseInt(bytes.toString('latin1', 148, 156), 8) !== checksum(bytes))
      throw new RangeError('a header of the archive is damaged')
    const type = String.fromCharCode(bytes[156] ?? 0)
    const size = Number(extended.get('size') ?? numberAt(bytes, 124, 12))
    if (!Number.isSafeInteger(size) || size < 0) throw new RangeError('an entry of the archive has no size')
    if (['x', 'g', 'L', 'K'].includes(type)) {
      if (size > mostExtended)
        throw new RangeError(`a header of the archive has ${size} bytes; at most ${mostExtended}`)
      const body = await source.take(size)
      await source.take(-size & (block - 1))
      if (type === 'x') extended = new Map([...extended, ...recordsOf(body)])
      else if (type !== 'g') extended.set(type === 'L' ? 'path' : 'linkpath', textOf(body))
      continue
    }
    const prefix =
      bytes.toString('latin1', 257, 262) === 'ustar' && bytes[263] === 48 ? textOf(bytes.subarray(345, 500)) : ''
    const short = textOf(bytes.subarray(0, 100))
    const name = extended.get('path') ?? (prefix === '' ? short : `${prefix}/${short}`)
    const target = extended.get('linkpath') ?? textOf(bytes.subarray(157, 257))
    if (Buffer.byteLength(name) > mostName || Buffer.byteLength(target) > mostName)
      throw new RangeError(`a name of the archive is longer than ${mostName} bytes`)
    extended = new Map()
    const about = { name, mode: numberAt(bytes, 100, 8) & 0o7777, modified: numberAt(bytes, 136, 12) }
    const known = name.endsWith('/') && types[type] === 'file' ? 'folder' : types[type]
    let left = size
    const body: AsyncIterable<Uint8Array> = {
      async *[Symbol.asyncIterator]() {
        for await (const chunk of source.upTo(left)) {
          left -= chunk.length
          yield chunk
        }
      },
    }
    yield known === 'file'
      ? { ...about, type: 'file', size, body }
      : known === 'folder'
        ? { ...about, name: name.replace(/\/+$/, ''), type: 'folder' }
        : known === 'link'
          ? { ...about, type: 'link', target }
          : { ...about, type: 'other' }
    for await (const chunk of source.upTo(left)) left -= chunk.length
    await source.take(-size & (block - 1))
  }
}

/** Octal digits, or GNU's big-endian number where the first bit is set. */
const numberAt = (bytes: Buffer, at: number, length: number): number => {
  if (((bytes[at] ?? 0) & 0x80) === 0) {
    const digits = bytes
      .toString('latin1', at, at + length)
      .replace(/[\0 ].*$/s, '')
      .trim()
    return digits === '' ? 0 : Number.parseInt(digits, 8)
  }
  let value = (bytes[at] ?? 0) & 0x7f
  for (let index = at + 1; index < at + length; index += 1) value = value * 256 + (bytes[index] ?? 0)
  return value
}

const textOf = (bytes: Buffer): string => {
  const end = bytes.indexOf(0)
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end)
}

const recordsOf = (body: Buffer): ReadonlyMap<string, string> => {
  const found = new Map<string, string>()
  for (let at = 0; at < body.length; ) {
    const blank = body.indexOf(32, at)
    const length = Number(body.toString('latin1', at, blank))
    if (blank < 0 || !Number.isInteger(length) || length < 5 || at + length > body.length)
      throw new RangeError('an extended header of the archive is damaged')
    const [key = '', ...value] = body.toString('utf8', blank + 1, at + length - 1).split('=')
    found.set(key, value.join('='))
    at += length
  }
  return found
}
