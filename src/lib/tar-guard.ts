import { tarChecksum } from './tar.ts'

/*
 *   header, body, header, body, … of a tar archive go through as they are; each header is read on its way
 *   x, g (pax) and L, K (GNU) before a header give it a longer name or a link's target: they are read too
 */

const block = 512
/** A pax or GNU extension; a longer one is refused. */
const mostExtensionBytes = 64 * 1024
/** Symbolic links of one archive; their names are kept while it goes through. */
const mostLinks = 20_000

/** What may not be in an archive: the entry, and what is wrong with it. */
export class TarRefusal extends RangeError {
  override readonly name = 'TarRefusal'
}

/**
 * Passes an archive on and ends it, with a refusal, at an entry that leaves the folder it is unpacked in: a name that is
 * absolute or climbs out, a link whose target does, an entry below a link of the same archive, a device. Also at what
 * is no tar archive. Holds no more than one header and one extension.
 *
 * @throws TarRefusal
 * @example await runtime.copyIn(id, '/data', guardTar(stream.incoming), signal)
 */
export async function* guardTar(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = headerReader()
  for await (const chunk of chunks) {
    // Read first: no byte of a refused entry goes on.
    reader.read(chunk)
    yield chunk
  }
  reader.end()
}

const headerReader = () => {
  let header: Buffer = Buffer.alloc(0)
  /** Bytes of a body, padding included, that are still to come. */
  let skip = 0
  let extension: { readonly type: string; readonly size: number; bytes: Buffer } | undefined
  let longer: { path?: string; linkpath?: string } = {}
  let hasEnded = false
  const links = new Set<string>()

  const onHeader = (): void => {
    if (header.every(byte => byte === 0)) {
      hasEnded = true
      return
    }
    if (Number.parseInt(text(header, 148, 8), 8) !== tarChecksum(header))
      throw new TarRefusal('a header of the archive is damaged, or it is no tar archive')
    const type = String.fromCharCode(header[156] ?? 0)
    const size = sizeOf(header)
    const prefix = text(header, 257, 5) === 'ustar' ? text(header, 345, 155) : ''
    const name = longer.path ?? (prefix === '' ? text(header, 0, 100) : `${prefix}/${text(header, 0, 100)}`)
    if ('xgLK'.includes(type)) {
      if (size > mostExtensionBytes) throw new TarRefusal(`an extension header of ${size} bytes`)
      extension = { type, size, bytes: Buffer.alloc(0) }
    } else {
      checkEntry(type, name, longer.linkpath ?? text(header, 157, 100), links)
      longer = {}
    }
    skip = Math.ceil(size / block) * block
    if (extension !== undefined && skip === 0) onExtension()
  }

  const onExtension = (): void => {
    if (extension === undefined) return
    const { type, bytes } = extension
    extension = undefined
    const value = bytes.toString('utf8').replace(/\0.*$/s, '')
    if (type === 'L') longer.path = value
    else if (type === 'K') longer.linkpath = value
    else for (const [key, said] of paxRecords(bytes)) if (key === 'path' || key === 'linkpath') longer[key] = said
  }

  return {
    read(chunk: Uint8Array): void {
      let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
      while (rest.length > 0 && !hasEnded) {
        if (skip > 0) {
          const part = rest.subarray(0, skip)
          if (extension !== undefined)
            extension.bytes = Buffer.concat([
              extension.bytes,
              part.subarray(0, extension.size - extension.bytes.length),
            ])
          skip -= part.length
          rest = rest.subarray(part.length)
          if (skip === 0) onExtension()
          continue
        }
        const missing = block - header.length
        header = Buffer.concat([header, rest.subarray(0, missing)])
        rest = rest.subarray(missing)
        if (header.length < block) break
        onHeader()
        header = Buffer.alloc(0)
      }
    },
    end(): void {
      if (!hasEnded && (skip > 0 || header.length > 0)) throw new TarRefusal('the archive is cut short')
    },
  }
}

/** Plain files, hard and symbolic links, folders, and files of GNU's sparse and contiguous kinds. */
const knownTypes = '0\u0000125 7S'

const checkEntry = (type: string, name: string, target: string, links: Set<string>): void => {
  if ('346'.includes(type)) throw new TarRefusal(`"${name}" is a device or a pipe, which is not copied`)
  if (!knownTypes.includes(type)) throw new TarRefusal(`"${name}" is of the unknown kind "${type}"`)
  const path = within([], name)
  if (path === undefined) throw new TarRefusal(`"${name}" leaves the folder that the archive is unpacked in`)
  if (isBehind(path, links)) throw new TarRefusal(`"${name}" lies behind a link of the same archive`)
  if (type === '1' || type === '2') {
    // A hard link is seen from the top, a symbolic one from where it lies.
    const end = within(type === '1' ? [] : path.slice(0, -1), target)
    if (end === undefined || (type === '1' && isBehind(end, links)))
      throw new TarRefusal(
        `"${name}" is a link to "${target}", which leaves the folder that the archive is unpacked in`,
      )
  }
  if (type !== '2') return void links.delete(path.join('/'))
  if (links.size >= mostLinks) throw new TarRefusal(`the archive holds more than ${mostLinks} links`)
  links.add(path.join('/'))
}

const isBehind = (path: readonly string[], links: ReadonlySet<string>): boolean =>
  links.size > 0 && path.some((_part, at) => at > 0 && links.has(path.slice(0, at).join('/')))

/** The parts of `name` seen from a folder; undefined where it leaves the top. */
const within = (folder: readonly string[], name: string): readonly string[] | undefined => {
  if (name.startsWith('/')) return undefined
  const parts = [...folder]
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) return undefined
  }
  return parts
}

const text = (header: Buffer, at: number, length: number): string =>
  header.toString('utf8', at, at + length).replace(/\0.*$/s, '')

/** Octal, or GNU's big-endian binary with the first bit set. */
const sizeOf = (header: Buffer): number => {
  const isBinary = ((header[124] ?? 0) & 0x80) !== 0
  const size = isBinary ? Number(header.readBigUInt64BE(128)) : Number.parseInt(text(header, 124, 12) || '0', 8)
  if (Number.isSafeInteger(size) && size >= 0) return size
  throw new TarRefusal('an entry of the archive has no size')
}

/** POSIX pax: `LENGTH KEY=VALUE\n`, where the length is that of the whole record. */
function* paxRecords(bytes: Buffer): Generator<readonly [string, string]> {
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at)
    const length = Number.parseInt(bytes.toString('latin1', at, space), 10)
    if (space < 0 || !Number.isSafeInteger(length) || length < 5 || at + length > bytes.length)
      throw new TarRefusal('a pax header of the archive is damaged')
    const record = bytes.toString('utf8', space + 1, at + length - 1)
    const equals = record.indexOf('=')
    yield [record.slice(0, equals), record.slice(equals + 1)]
    at += length
  }
}
