import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { describeError } from '../../api/fault.ts'
import { appendToFile, makeFolderDurably, moveFile } from '../../lib/durable-file.ts'
import type { Log } from '../../lib/log.ts'
import type { SessionEvent } from './live-sessions.ts'

/** The audit of sessions on disk: a line of JSON for each that begins and each that ends. */
export interface SessionRecord {
  tell(event: SessionEvent): void
  /** Resolves when all that was told is in the file. */
  written(): Promise<void>
}

/** A file of that length makes room for the next; so many older ones are kept. */
const mostFileBytes = 4 * 1024 * 1024
const olderFiles = 3
/** Lines that may wait for a slow disk; more are told to the log only, which says so. */
const mostWaiting = 1000

/**
 * Each event goes to the structured log at once and, in order, to `path`; `path.1` to `path.3` are what came before.
 *
 * @example const record = sessionRecord({ path: join(data, 'audit/sessions.jsonl'), now, log }); record.tell(event)
 */
export const sessionRecord = (of: {
  readonly path: string
  readonly now: () => number
  readonly log: Log
  readonly mostFileBytes?: number
}): SessionRecord => {
  const most = of.mostFileBytes ?? mostFileBytes
  const waiting: string[] = []
  let isWriting: Promise<void> | undefined
  let size: number | undefined

  const makeRoom = async (): Promise<void> => {
    for (let number = olderFiles; number > 0; number -= 1)
      await ignoreAbsent(moveFile(number === 1 ? of.path : `${of.path}.${number - 1}`, `${of.path}.${number}`))
    size = 0
  }

  const writeAll = async (): Promise<void> => {
    if (size === undefined) {
      await makeFolderDurably(dirname(of.path))
      size = (await ignoreAbsent(stat(of.path)))?.size ?? 0
    }
    while (waiting.length > 0) {
      const lines = waiting.length
      const text = waiting.join('')
      if (size > 0 && size + text.length > most) await makeRoom()
      await appendToFile(of.path, text)
      // Only now: what a full disk did not take is tried again with the next event.
      waiting.splice(0, lines)
      size += Buffer.byteLength(text)
    }
  }

  const write = (): void => {
    isWriting ??= writeAll()
      .catch((error: unknown) =>
        of.log.error('the audit of sessions cannot be written', { path: of.path, error: describeError(error) }),
      )
      .finally(() => {
        isWriting = undefined
      })
  }

  return {
    tell(event) {
      const { event: what, ...facts } = event
      of.log.info(`a session ${what}`, facts)
      if (waiting.length >= mostWaiting) {
        of.log.error('the audit of sessions waits for the disk; this line is not in its file', facts)
        return
      }
      waiting.push(`${JSON.stringify({ time: new Date(of.now()).toISOString(), ...event })}\n`)
      write()
    },
    async written() {
      while (isWriting !== undefined) await isWriting
    },
  }
}

const ignoreAbsent = async <T>(act: Promise<T>): Promise<T | undefined> => {
  try {
    return await act
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
