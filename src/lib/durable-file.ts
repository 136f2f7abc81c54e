import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { takeStep } from './file-steps.ts'

/*
 *   writeDurably    NAME.tmp ─ write ─ sync ─ rename to NAME ─ sync the folder     old or new, and new once it resolves
 *   replaceFile     NAME.tmp ─ write ─ rename to NAME                              old or new for whoever reads meanwhile
 *   writeInPlace    NAME ─ write                                                   for what a power cut takes with it anyway
 */

/** What a file shall hold; a stream of bytes is written as it comes. */
export type Content = Uint8Array | string | AsyncIterable<Uint8Array>

/**
 * Writes `content` so that after a power cut the file holds either the old content or all of the new: temporary file,
 * fsync, rename, fsync of the folder, which is made where it is missing. Resolves when the new content is durable.
 * One writer at a time for each path.
 *
 * @throws the file system's error (ENOSPC, EROFS, …); the old content is then still there
 * @example await writeDurably('/var/lib/dunlin/agent/identity/tls.key', pem)
 */
export const writeDurably = async (path: string, content: Content, mode = 0o600): Promise<void> => {
  const folder = dirname(path)
  await makeFolderDurably(folder)
  await viaTemporary(path, async temporary => {
    await writeAll(temporary, content, mode)
    await takeStep({ action: 'sync', path: temporary })
  })
  await takeStep({ action: 'syncFolder', path: folder })
}

/**
 * Writes a new file and makes its content durable, under its own name: for a folder that nobody reads before it is
 * whole. Its name lasts with the next `syncFolderDurably`.
 *
 * @throws the file system's error
 */
export const writeNewFile = async (path: string, content: Content, mode = 0o600): Promise<void> => {
  await writeAll(path, content, mode)
  await takeStep({ action: 'sync', path })
}

/**
 * Writes so that a reader, and this program after a kill -9, finds the old content or the new. For files that a power
 * cut takes with it: those of the run folder.
 *
 * @throws the file system's error; the old content is then still there
 */
export const replaceFile = async (path: string, content: Content, mode = 0o600): Promise<void> => {
  await viaTemporary(path, temporary => writeAll(temporary, content, mode))
}

/** Writes over the file where it lies: for files bound into containers, markers, and what belongs to the kernel. */
export const writeInPlace = async (path: string, text: string | Uint8Array, mode?: number): Promise<void> => {
  await takeStep({ action: 'write', path, bytes: text, ...(mode === undefined ? {} : { mode }) })
}

/** Adds to the end of a file of lines. A power cut may take the last of them, or part of one. */
export const appendToFile = async (path: string, text: string, mode = 0o600): Promise<void> => {
  await takeStep({ action: 'append', path, bytes: text, mode })
}

/** Points the link at `target`; whoever follows it meanwhile finds the old or the new. */
export const replaceLink = async (target: string, path: string, temporary = `${path}.tmp`): Promise<void> => {
  await takeStep({ action: 'remove', path: temporary })
  await takeStep({ action: 'symlink', target, path: temporary })
  await takeStep({ action: 'rename', from: temporary, to: path })
}

/**
 * Makes the file whole where none is there; false where one is. Not durable: for locks, which end with the machine.
 *
 * @throws the file system's error
 */
export const createWhole = async (path: string, text: string): Promise<boolean> => {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await takeStep({ action: 'write', path: temporary, bytes: text, mode: 0o600 })
    return await linkIfFree(temporary, path)
  } finally {
    await takeStep({ action: 'remove', path: temporary })
  }
}

/** Gives the file a second name; false where that name is taken. */
export const linkIfFree = async (from: string, to: string): Promise<boolean> => {
  try {
    await takeStep({ action: 'link', from, to })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Moves a file or folder. Durable with `syncFolderDurably` of both folders. */
export const moveFile = async (from: string, to: string): Promise<void> => {
  await takeStep({ action: 'rename', from, to })
}

/** Moves a file or folder within its folder, or next door, and makes that durable. */
export const moveDurably = async (from: string, to: string): Promise<void> => {
  await moveFile(from, to)
  await syncFolderDurably(dirname(to))
  if (dirname(from) !== dirname(to)) await syncFolderDurably(dirname(from))
}

/** Removes a file, or a folder with all that is in it. No error when it is not there. */
export const removeFile = async (path: string): Promise<void> => {
  await takeStep({ action: 'remove', path })
}

/** Removes the file and makes its absence durable. No error when it is not there. */
export const removeDurably = async (path: string): Promise<void> => {
  await removeFile(path)
  await syncFolderDurably(dirname(path))
}

/**
 * Writes zeros over the file's bytes where they lie, and removes it; both durably. No error when it is not there. A card
 * may keep old copies that no program can reach.
 */
export const eraseDurably = async (path: string): Promise<void> => {
  const there = await readIfThere(path)
  if (there === undefined) return
  await takeStep({ action: 'overwrite', path, bytes: Buffer.alloc(there.length) })
  await takeStep({ action: 'sync', path })
  await removeDurably(path)
}

/** Makes durable which names are in a folder. */
export const syncFolderDurably = async (path: string): Promise<void> => {
  await takeStep({ action: 'syncFolder', path })
}

/**
 * Makes the folder and those above it where they are missing, each durable in the one above: a file in a folder whose
 * own name is lost is lost with it.
 */
export const makeFolderDurably = async (path: string, mode = 0o700): Promise<void> => {
  try {
    await takeStep({ action: 'makeFolder', path, mode })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return
    if (code !== 'ENOENT' || dirname(path) === path) throw error
    await makeFolderDurably(dirname(path), mode)
    return await makeFolderDurably(path, mode)
  }
  await takeStep({ action: 'syncFolder', path: dirname(path) })
}

/** The file's bytes, or undefined when there is no such file. */
export const readIfThere = async (path: string): Promise<Buffer | undefined> => {
  try {
    return await readFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

const viaTemporary = async (path: string, write: (temporary: string) => Promise<void>): Promise<void> => {
  const temporary = `${path}.tmp`
  try {
    await write(temporary)
    await takeStep({ action: 'rename', from: temporary, to: path })
  } catch (error) {
    await dropTemporary(temporary)
    throw error
  }
}

/** The first error is the one to tell; what could not be removed is written over by the next writer. */
const dropTemporary = (temporary: string): Promise<unknown> =>
  takeStep({ action: 'remove', path: temporary }).catch(error => error)

const writeAll = async (path: string, content: Content, mode: number): Promise<void> => {
  if (typeof content === 'string' || content instanceof Uint8Array) {
    await takeStep({ action: 'write', path, bytes: content, mode })
    return
  }
  await takeStep({ action: 'write', path, bytes: '', mode })
  for await (const bytes of content) await takeStep({ action: 'append', path, bytes })
}
