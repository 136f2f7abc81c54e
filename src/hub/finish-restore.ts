import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '../api/fault.ts'
import { moveFile, removeDurably, syncFolderDurably } from '../lib/durable-file.ts'

/*
 *   restoring/            unpacked here; until `ready` is written it is nothing
 *   restoring/ready  ───> from now on it is the hub's data, whoever moves it: the restore, or the next start
 *        hub.db, then keys, are moved into place; then restoring/ goes
 */

/** Where a backup is unpacked, in the data folder. */
export const stagingOf = (folder: string): string => join(folder, 'restoring')

/** Written last, when all of the backup is on the disk. */
export const readyMark = 'ready'

/**
 * Moves a backup that was unpacked in whole into its place. For the restore itself, and for the start of a hub after a
 * restore that a power cut ended. Nothing to do is fine.
 *
 * @throws Fault Machine when a restore was cut short before it was whole: a hub would begin a new fleet there
 */
export const finishRestore = async (folder: string): Promise<void> => {
  const staging = stagingOf(folder)
  if (!(await isThere(staging))) return
  if (!(await isThere(join(staging, readyMark)))) {
    // A restore begins in an empty folder: what is in place was moved there, and only the end of the work is missing.
    if ((await isThere(join(folder, 'hub.db'))) && (await isThere(join(folder, 'keys'))))
      return await removeDurably(staging)
    throw new Fault(
      'Machine',
      `a restore into ${folder} was cut short: run it again (dunlin restore), or remove ${staging} to begin a new fleet`,
      { folder },
    )
  }
  for (const name of ['hub.db', 'keys'])
    if (await isThere(join(staging, name))) await moveFile(join(staging, name), join(folder, name))
  await syncFolderDurably(folder)
  await syncFolderDurably(staging)
  await removeDurably(staging)
}

/** Whether a backup was unpacked in whole, and waits to be moved into place. */
export const isRestoreReady = (folder: string): Promise<boolean> => isThere(join(stagingOf(folder), readyMark))

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
