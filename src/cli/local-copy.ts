import { randomBytes } from 'node:crypto'
import { realpath, stat } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { describeError, Fault } from '../api/fault.ts'
import { openFolder } from '../lib/folder-handle.ts'
import { packFolder } from '../lib/pack-folder.ts'
import { readEntries, writeEntries } from '../lib/tar-entries.ts'
import { type Unpacked, unpackInto } from '../lib/unpack-into.ts'

/**
 * An archive of a path of this machine, whose first name is `as`.
 *
 * @throws Fault BadRequest when it cannot be read
 */
export async function* packLocal(path: string, as: string): AsyncGenerator<Uint8Array> {
  const real = await realpath(path).catch((error: unknown) => {
    throw new Fault('BadRequest', `cannot read ${path}: ${describeError(error)}`, { path }, error)
  })
  const folder = await openFolder(dirname(real))
  try {
    yield* writeEntries(packFolder(folder, basename(real) || '.', as))
  } finally {
    await folder.close()
  }
}

/**
 * Unpacks an archive as cp does: into `path` where that is a folder, else under the name of `path` itself. Nothing is
 * written outside of it.
 *
 * @throws Fault BadRequest
 */
export const unpackLocal = async (path: string, chunks: AsyncIterable<Uint8Array>): Promise<Unpacked> => {
  const isFolder = await stat(path).then(
    found => found.isDirectory(),
    () => false,
  )
  if (!isFolder && path.endsWith('/')) throw new Fault('BadRequest', `there is no folder ${path}`, { path })
  const into = isFolder ? path : dirname(resolve(path))
  const folder = await openFolder(into).catch((error: unknown) => {
    throw new Fault('BadRequest', `cannot write to ${into}: ${describeError(error)}`, { path }, error)
  })
  try {
    return await unpackInto(folder, readEntries(chunks), {
      newName: () => randomBytes(6).toString('hex'),
      ...(isFolder ? {} : { rename: basename(resolve(path)) }),
    })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new Fault('Malformed', `the copy was refused: ${error.message}`, { path }, error)
  } finally {
    await folder.close()
  }
}
