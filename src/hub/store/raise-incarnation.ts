import { DatabaseSync } from 'node:sqlite'
import { Fault } from '../../api/fault.ts'
import { storeFault } from './store-fault.ts'

/**
 * Raises the incarnation of a store file that was restored from a backup, so that agents take its older revisions as
 * news. For the restore command, before a hub opens the file. Returns the new incarnation.
 *
 * @param now milliseconds since 1970
 * @throws Fault Machine when the file is locked, corrupt or not a store
 */
export const raiseIncarnation = (path: string, now: number): number => {
  try {
    const db = new DatabaseSync(path)
    try {
      const found = db.prepare("SELECT value FROM meta WHERE name = 'incarnation'").get()?.['value']
      if (found === undefined) throw new Fault('Machine', `${path} holds no store of Dunlin: name a backup of one`)
      const raised = Math.max(Number(found) + 1, Math.floor(now / 1000))
      db.prepare("UPDATE meta SET value = ? WHERE name = 'incarnation'").run(raised)
      return raised
    } finally {
      db.close()
    }
  } catch (error) {
    throw storeFault(error, path)
  }
}
