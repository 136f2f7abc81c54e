import { lstat, readdir, readlink } from 'node:fs/promises'
import type { FolderHandle } from './folder-handle.ts'
import type { TarEntry } from './tar-entries.ts'

const chunkBytes = 64 * 1024
/** Folders in folders; each is held open while those below are read. */
const mostDepth = 200
/** Files without a size, as those of /proc, are read to their end up to so many bytes. */
const mostUnsized = 4 * 1024 * 1024

/**
 * The member `name` of a folder with all that is below it, under the name `as`. Links are told as links, not followed;
 * devices and pipes are left out.
 *
 * @throws the file system's error when `name` itself cannot be read; RangeError for a tree without end
 * @example for await (const chunk of writeEntries(packFolder(folder, 'log', 'log'))) …
 */
export async function* packFolder(folder: FolderHandle, name: string, as: string, depth = 0): AsyncGenerator<TarEntry> {
  if (depth > mostDepth) throw new RangeError(`${as.slice(0, 200)} is nested deeper than ${mostDepth} folders`)
  const found = await lstat(folder.at(name))
  const about = { name: as, mode: found.mode & 0o7777, modified: found.mtimeMs / 1000 }
  if (found.isSymbolicLink()) yield { ...about, type: 'link', target: await readlink(folder.at(name)) }
  else if (found.isFile()) yield* packFile(folder, name, about)
  else if (found.isDirectory()) {
    const below = await folder.folder(name)
    try {
      yield { ...about, type: 'folder' }
      for (const member of (await readdir(below.at('.'))).toSorted())
        yield* packMember(below, member, `${as}/${member}`, depth + 1)
    } finally {
      await below.close()
    }
  }
}

/** What went away since it was listed is left out. */
async function* packMember(folder: FolderHandle, name: string, as: string, depth: number): AsyncGenerator<TarEntry> {
  try {
    yield* packFolder(folder, name, as, depth)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

async function* packFile(
  folder: FolderHandle,
  name: string,
  about: Pick<TarEntry, 'name' | 'mode' | 'modified'>,
): AsyncGenerator<TarEntry> {
  const file = await folder.read(name)
  try {
    const { size } = await file.stat()
    const read = async (most: number, at: number | null): Promise<Buffer> => {
      const buffer = Buffer.allocUnsafe(Math.min(most, chunkBytes))
      return buffer.subarray(0, (await file.read(buffer, 0, buffer.length, at)).bytesRead)
    }
    if (size === 0) {
      const parts: Buffer[] = []
      let length = 0
      for (let part = await read(chunkBytes, null); part.length > 0; part = await read(chunkBytes, null)) {
        parts.push(part)
        length += part.length
        if (length > mostUnsized) throw new RangeError(`${about.name} has no size and no end`)
      }
      yield { ...about, type: 'file', size: length, body: bodyOf(parts) }
      return
    }
    // As long as it was when it was opened: what a log gained since is left out, what was cut off is zeros.
    const body: AsyncIterable<Uint8Array> = {
      async *[Symbol.asyncIterator]() {
        for (let at = 0; at < size; ) {
          const part = await read(size - at, at)
          const whole = part.length > 0 ? part : Buffer.alloc(Math.min(size - at, chunkBytes))
          at += whole.length
          yield whole
        }
      },
    }
    yield { ...about, type: 'file', size, body }
  } finally {
    await file.close()
  }
}

async function* bodyOf(parts: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* parts
}
