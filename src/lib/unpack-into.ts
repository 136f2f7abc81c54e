import { lstat, rename, rm, symlink } from 'node:fs/promises'
import type { FolderHandle } from './folder-handle.ts'
import type { TarEntry } from './tar-entries.ts'

export interface Unpacked {
  readonly files: number
  /** Entries that were left out, with the reason; the first hundred. */
  readonly leftOut: readonly string[]
  /** All of them. */
  readonly leftOutCount: number
}

const mostTold = 100

/**
 * Unpacks entries within a folder. Nothing is written outside of it, whatever the names say and whatever links are there:
 * each folder on the way is opened without following one, and a file takes the place of what was there by a rename.
 * Links are made where they stay within; devices and pipes are left out. Owners are those of this process.
 *
 * @param rename the name that the first part of every name gets, e.g. for a copy under another name
 * @throws RangeError for a name that leads out; the file system's error
 * @example await unpackInto(folder, readEntries(chunks), { newName: () => randomBytes(6).toString('hex') })
 */
export const unpackInto = async (
  folder: FolderHandle,
  entries: AsyncIterable<TarEntry>,
  of: {
    readonly newName: () => string
    /** What the first part of each name becomes; undefined: it stays. */
    readonly rename?: string
  },
): Promise<Unpacked> => {
  let files = 0
  let leftOutCount = 0
  const leftOut: string[] = []
  const leave = (entry: TarEntry, why: string): void => {
    leftOutCount += 1
    if (leftOut.length < mostTold) leftOut.push(`${entry.name}: ${why}`)
  }
  for await (const entry of entries) {
    const parts = partsOf(entry.name)
    if (of.rename !== undefined && parts.length > 0) parts[0] = of.rename
    const last = parts.pop()
    // The folder itself.
    if (last === undefined) continue
    if (entry.type === 'other') {
      leave(entry, 'neither a file, a folder nor a link')
      continue
    }
    if (entry.type === 'link' && !staysWithin(entry.target, parts.length)) {
      leave(entry, `a link that may lead out of the folder, to ${entry.target.slice(0, 200)}`)
      continue
    }
    await withFolder(folder, parts, async at => {
      if (entry.type === 'folder') await makeFolder(at, last, entry.mode)
      else {
        await place(at, last, entry, `.${last.slice(0, 100)}.${of.newName()}`)
        files += 1
      }
    })
  }
  return { files, leftOut, leftOutCount }
}

/** @throws RangeError for `..` and what no name can be */
const partsOf = (name: string): string[] => {
  const parts = name.split('/').filter(part => part !== '' && part !== '.')
  if (parts.includes('..') || name.includes('\0'))
    throw new RangeError(
      `the archive has the name ${JSON.stringify(name.slice(0, 200))}, which leads out of the folder`,
    )
  return parts
}

/**
 * Whether a link stays within, if all other links do: it may climb at its beginning only, and not above the top. Later
 * on, a `..` could climb out of where another link leads.
 */
const staysWithin = (target: string, depth: number): boolean => {
  if (target === '' || target.startsWith('/') || target.includes('\0')) return false
  const parts = target.split('/').filter(part => part !== '' && part !== '.')
  const climbs = parts.findIndex(part => part !== '..')
  const up = climbs < 0 ? parts.length : climbs
  return up <= depth && !parts.slice(up).includes('..')
}

const makeFolder = async (at: FolderHandle, name: string, mode: number): Promise<void> => {
  const made = await at.makeFolder(name, (mode & 0o777) | 0o700)
  await made.close()
}

/** Runs `act` in the folder below, its parents made where they are missing. */
const withFolder = async (
  folder: FolderHandle,
  parts: readonly string[],
  act: (at: FolderHandle) => Promise<void>,
): Promise<void> => {
  const opened: FolderHandle[] = []
  try {
    let at = folder
    for (const part of parts) {
      at = await at.makeFolder(part, 0o755)
      opened.push(at)
    }
    await act(at)
  } finally {
    for (const one of opened) await one.close()
  }
}

/** Under a name of its own first: a copy that breaks off leaves what was there. */
const place = async (
  at: FolderHandle,
  name: string,
  entry: Extract<TarEntry, { readonly type: 'file' | 'link' }>,
  own: string,
): Promise<void> => {
  try {
    if (entry.type === 'link') await symlink(entry.target, at.at(own))
    else {
      const file = await at.create(own, 0o600)
      try {
        for await (const chunk of entry.body) await file.writeFile(chunk)
        // No set-user-id: whoever sends the archive shall not make programs of this process's owner.
        await file.chmod(entry.mode & 0o777)
        await file.utimes(entry.modified, entry.modified)
      } finally {
        await file.close()
      }
    }
    const there = await lstat(at.at(name)).catch(() => undefined)
    if (there?.isDirectory() === true) throw new RangeError(`${entry.name} is a folder where the copy has none`)
    await rename(at.at(own), at.at(name))
  } catch (error) {
    await rm(at.at(own), { force: true })
    throw error
  }
}
