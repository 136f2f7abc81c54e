import { backup, type DatabaseSync } from 'node:sqlite'
import { removeFile, writeInPlace } from '../../lib/durable-file.ts'

/**
 * SQLite's online backup fails now and then beside writes on the same connection (about one copy in fifty, with result
 * code 0, "not an error"); the next try is sound. So often in a row is another cause.
 */
const mostTries = 10

/**
 * A consistent copy of an open database, while writes go on.
 *
 * @throws SQLite's error
 */
export const copyDatabase = async (db: DatabaseSync, to: string): Promise<void> => {
  for (let tries = 1; ; tries += 1) {
    // As the store itself: nobody else may read it. SQLite would use the umask.
    await removeFile(to)
    await writeInPlace(to, '', 0o600)
    try {
      await backup(db, to)
      return
    } catch (error) {
      if (!isSpurious(error) || tries >= mostTries) throw error
    }
  }
}

const isSpurious = (error: unknown): boolean => error instanceof Error && 'errcode' in error && error.errcode === 0
