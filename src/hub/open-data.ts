import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { describeError, Fault } from '../api/fault.ts'
import { makeFolderDurably, writeDurably } from '../lib/durable-file.ts'
import { sweepBackupCopies } from './backup.ts'
import { finishRestore } from './finish-restore.ts'
import { type HubKeys, type KeySources, openKeys } from './identity/keys.ts'
import { openSqliteStore } from './store/sqlite-store.ts'
import type { Store } from './store/store.ts'

/*
 *   a restore that was cut short: finished, or refused ─> keys ─> store ─> keys/in-use
 *
 * In this order, so that after a power cut at any point the next start goes on: a store is never made beside half the
 * keys, and in-use is never written before the store is there.
 */

/**
 * Opens what the hub has on disk, and makes what is not there yet: its keys, then its store.
 *
 * @throws Fault Machine when the folder cannot be used, or its store or its keys are lost; it says what to do
 * @example const { keys, store } = await openData({ folder: '/var/lib/dunlin/hub', now: Date.now, randomBytes, names })
 */
export const openData = async (
  of: KeySources & { readonly folder: string; readonly onFailure?: (fault: Fault) => void },
): Promise<{ readonly keys: HubKeys; readonly store: Store }> => {
  const { folder, now, onFailure } = of
  await openFolder(folder)
  const keys = await openKeys(join(folder, 'keys'), of)
  const store = await openSqliteStore({
    path: join(folder, 'hub.db'),
    now: now(),
    ...(onFailure === undefined ? {} : { onFailure }),
  })
  try {
    if (!(await isThere(join(folder, ...inUse)))) await writeDurably(join(folder, ...inUse), '1\n')
  } catch (error) {
    await store.close()
    throw error
  }
  return { keys, store }
}

const openFolder = async (folder: string): Promise<void> => {
  try {
    await makeFolderDurably(folder)
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK)
    await finishRestore(folder)
    await sweepBackupCopies(folder)
  } catch (error) {
    if (error instanceof Fault) throw error
    throw new Fault(
      'Machine',
      `the data folder ${folder} cannot be used: ${describeError(error)}; name another with --data, or run as its owner`,
      { folder },
      error,
    )
  }
  const hasStore = await isThere(join(folder, 'hub.db'))
  if (hasStore && !(await isThere(join(folder, 'keys', 'format'))))
    throw new Fault(
      'Machine',
      `${folder} holds hub.db but not its keys; without them no node is known and no Secret can be read: restore both from one backup (dunlin restore)`,
      { folder },
    )
  // With an empty store the nodes of these keys would be told to run nothing.
  if (!hasStore && (await isThere(join(folder, ...inUse))))
    throw new Fault(
      'Machine',
      `${folder} holds the keys of a fleet but not its store hub.db: restore both from one backup (dunlin restore into an empty folder), or move keys/ away to begin a new fleet`,
      { folder },
    )
}

/** Says that a store was made beside these keys. */
const inUse = ['keys', 'in-use'] as const

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
