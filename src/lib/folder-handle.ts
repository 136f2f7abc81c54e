import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, readlink } from 'node:fs/promises'
import { join } from 'node:path'

/*
 * Linux: `/proc/self/fd/<n>/<name>` is a name within the folder that is open as n, whatever has become of its path since.
 * So a folder that was looked at is the folder that is used, and no link on the way can lead elsewhere.
 */

/** A folder that is held open. */
export interface FolderHandle {
  /** Where it really is, now. */
  realPath(): Promise<string>
  /** A path of the member `name`, for calls of the file system that do not follow a link in its place. */
  at(name: string): string
  /** The folder of that name; a link is not followed. @throws ENOTDIR, ELOOP, ENOENT */
  folder(name: string): Promise<FolderHandle>
  /** The folder of that name, made where it is missing. */
  makeFolder(name: string, mode: number): Promise<FolderHandle>
  /** A file of that name, to read; a link is not followed, and a pipe is not waited for. */
  read(name: string): Promise<FileHandle>
  /** A file of that name, made anew; an error when there is anything. */
  create(name: string, mode: number): Promise<FileHandle>
  close(): Promise<void>
}

const asFolder = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW

/**
 * Opens a folder by its path. Links on the way are followed: ask `realPath` where it is.
 *
 * @throws the file system's error
 * @example const folder = await openFolder('/var/log'); try { … } finally { await folder.close() }
 */
export const openFolder = async (path: string): Promise<FolderHandle> =>
  folderHandle(await open(path, constants.O_RDONLY | constants.O_DIRECTORY))

const folderHandle = (handle: FileHandle): FolderHandle => {
  const own = `/proc/self/fd/${handle.fd}`
  const at = (name: string): string => {
    if (name === '' || name === '..' || name.includes('/')) throw new RangeError(`"${name}" is no name within a folder`)
    return join(own, name)
  }
  const folder = async (name: string): Promise<FolderHandle> => folderHandle(await open(at(name), asFolder))
  return {
    realPath: () => readlink(own),
    at,
    folder,
    async makeFolder(name, mode) {
      try {
        await mkdir(at(name), { mode })
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
      return await folder(name)
    },
    read: name => open(at(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK),
    create: (name, mode) =>
      open(at(name), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, mode),
    close: () => handle.close(),
  }
}
