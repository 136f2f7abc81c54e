import { byteSource } from './byte-source.ts'

/**
 * As much of the tar format (POSIX.1-1988 ustar) as an archive of plain files needs: a header of 512 bytes, the bytes,
 * zeros up to the next 512; two blocks of zeros end it.
 */

const block = 512

export interface TarFile {
  /** At most 100 bytes. */
  readonly name: string
  readonly size: number
  readonly body: AsyncIterable<Uint8Array>
}

/** @example for await (const chunk of writeTar([{ name: 'a', size: 1, body: one }])) … */
export async function* writeTar(
  files: AsyncIterable<TarFile> | Iterable<TarFile>,
  modifiedSeconds: number,
): AsyncGenerator<Uint8Array> {
  for await (const file of files) {
    yield tarHeader(file.name, file.size, modifiedSeconds)
    let written = 0
    for await (const chunk of file.body) {
      written += chunk.length
      yield chunk
    }
    if (written !== file.size) throw new RangeError(`${file.name} has ${written} bytes, not the ${file.size} announced`)
    yield Buffer.alloc(-written & (block - 1))
  }
  yield Buffer.alloc(2 * block)
}

const tarHeader = (name: string, size: number, modifiedSeconds: number): Buffer => {
  const header = Buffer.alloc(block)
  if (Buffer.byteLength(name) > 100) throw new RangeError(`the name ${name} is longer than 100 bytes`)
  const octal = (value: number, at: number, length: number) =>
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at)
  header.write(name, 0)
  octal(0o600, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(size, 124, 12)
  octal(Math.floor(modifiedSeconds), 136, 12)
  header.write('        ', 148)
  header.write('0', 156)
  header.write('ustar\x0000', 257, 'latin1')
  header.write(`${tarChecksum(header).toString(8).padStart(6, '0')}\0 `, 148)
  return header
}

/** The sum of all bytes, the checksum field counted as blanks. */
export const tarChecksum = (header: Buffer): number =>
  header.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 32 : byte), 0)

/**
 * The files of an archive, one after another; each body must be read to its end before the next file is asked for.
 *
 * @throws RangeError when the archive is cut short or damaged, or holds anything but plain files
 */
export async function* readTar(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<TarFile> {
  const source = byteSource(chunks, 'the archive')
  for (;;) {
    const header = await source.take(block)
    if (header.every(byte => byte === 0)) return
    const said = Number.parseInt(header.toString('latin1', 148, 156), 8)
    if (said !== tarChecksum(header)) throw new RangeError('a header of the archive is damaged')
    const name = header.toString('utf8', 0, 100).replace(/\0.*$/s, '')
    const type = String.fromCharCode(header[156] ?? 0)
    if (type !== '0' && type !== '\0') throw new RangeError(`${name} is no plain file (type ${type})`)
    const size = Number.parseInt(header.toString('latin1', 124, 136), 8)
    if (!Number.isSafeInteger(size)) throw new RangeError(`${name} has no size`)
    const body = source.upTo(size)
    yield { name, size, body }
    for await (const _ of body) throw new RangeError(`${name} was not read to its end`)
    await source.take(-size & (block - 1))
  }
}
