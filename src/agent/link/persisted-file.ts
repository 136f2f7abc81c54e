import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { describeError } from '../../api/fault.ts'
import { moveDurably, readIfThere, writeDurably } from '../../lib/durable-file.ts'
import type { Log } from '../../lib/log.ts'
import { type Parse, parseJson } from '../../wire/parse.ts'

/** The first line names format and checksum, so that half a file or a flipped bit is never taken for content. */
const format = 'dunlin 1'

export interface PersistedFile<T> {
  /** What was written last, or undefined where there is nothing that can be used. */
  read(): Promise<T | undefined>
  /** Resolves when durable. @throws the file system's error; the old content is then still there */
  write(value: T): Promise<void>
}

/**
 * One value in one file of the state folder, written whole. A file that cannot be used is kept aside as `NAME.corrupt`
 * and said, and counts as absent.
 *
 * @example const file = persistedFile({ folder, name: 'assignment', parse, log })
 */
export const persistedFile = <T>(of: {
  readonly folder: string
  readonly name: string
  readonly parse: Parse<T>
  readonly log: Log
}): PersistedFile<T> => {
  const path = join(of.folder, of.name)
  return {
    async read() {
      const bytes = await readIfThere(path)
      if (bytes === undefined) return undefined
      try {
        return parseJson(content(bytes), of.parse, of.name)
      } catch (error) {
        await moveDurably(path, `${path}.corrupt`)
        of.log.error('a file of the agent cannot be used; it is kept aside and the hub is asked again', {
          file: path,
          keptAs: `${path}.corrupt`,
          why: describeError(error),
        })
        return undefined
      }
    },
    async write(value) {
      const json = JSON.stringify(value)
      await writeDurably(path, `${format} ${checksum(json)}\n${json}`)
    },
  }
}

const content = (bytes: Buffer): string => {
  const end = bytes.indexOf('\n')
  const first = bytes.toString('utf8', 0, Math.max(0, Math.min(end, 200)))
  const text = bytes.toString('utf8', end + 1)
  if (!first.startsWith(`${format} `)) throw new Error(`its first line is not "${format} " and a checksum`)
  if (first !== `${format} ${checksum(text)}`) throw new Error('its checksum does not hold: cut short or changed')
  return text
}

const checksum = (text: string): string => createHash('sha256').update(text).digest('hex')
