import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { moveDurably, removeFile, writeInPlace } from '../../lib/durable-file.ts'
import { raiseIncarnation } from './raise-incarnation.ts'
import { storeFault } from './store-fault.ts'
import { storeFormat } from './store-sql.ts'

/**
 * Before a store of an older format is brought to this one: a whole copy beside it, `<path>.format-<number>`, which an older
 * hub can read. The copy's incarnation is higher, so that nodes take its older revisions as news when a hub goes back to
 * it. Resolves to the copy's path; undefined where there is nothing to keep. For the start of a hub, before it opens the file.
 *
 * @param now milliseconds since 1970
 * @throws Fault Machine when the file is locked, corrupt, or there is no room for a copy
 * @example await keepOlder({ path: '/var/lib/dunlin/hub/hub.db', now: Date.now() }) // …/hub.db.format-1
 */
export const keepOlder = async (of: {
  readonly path: string
  readonly now: number
  /** That of this hub; a test says another. */
  readonly format?: number
}): Promise<string | undefined> => {
  const { path } = of
  const unfinished = `${path}.format.tmp`
  if (existsSync(unfinished)) await removeFile(unfinished)
  if (!existsSync(path)) return undefined
  const found = formatOf(path)
  if (found === undefined || found >= (of.format ?? storeFormat)) return undefined
  // Made by us, so that nobody else may read it: SQLite would use the umask.
  await writeInPlace(unfinished, '', 0o600)
  try {
    copyInto(path, unfinished)
    // Its commit makes the whole file durable, before the name is.
    raiseIncarnation(unfinished, of.now)
    const kept = `${path}.format-${found}`
    await moveDurably(unfinished, kept)
    return kept
  } catch (error) {
    await removeFile(unfinished)
    throw storeFault(error, path)
  }
}

/** undefined: no store, or one that was never used. The store itself says what is wrong with it when it is opened. */
const formatOf = (path: string): number | undefined => {
  try {
    const db = new DatabaseSync(path, { readOnly: true })
    try {
      const found = db.prepare("SELECT value FROM meta WHERE name = 'format'").get()?.['value']
      return found === undefined ? undefined : Number(found)
    } finally {
      db.close()
    }
  } catch {
    return undefined
  }
}

/** One consistent file without a journal beside it. */
const copyInto = (path: string, to: string): void => {
  const db = new DatabaseSync(path)
  try {
    db.prepare('VACUUM INTO ?').run(to)
  } finally {
    db.close()
  }
}
