import type { Log } from '../../lib/log.ts'
import { count, list, oneOf, record, text } from '../../wire/parse.ts'
import { persistedFile } from './persisted-file.ts'

interface Seen {
  readonly id: string
  /** Milliseconds since 1970, by the hub's clock. */
  readonly notAfter: number
}

interface SeenFile {
  readonly format: 1
  readonly seen: readonly Seen[]
}

/** When so many commands are still in time, further ones are refused until some have expired. */
const most = 256

export interface SeenCommands {
  /** Durable when it resolves: `first` once for each id, over restarts too. @throws the file system's error */
  note(id: string, notAfter: number, hubNow: number): Promise<'first' | 'again' | 'full'>
}

/** Which commands were carried out already, on disk until they expire. */
export const openSeenCommands = async (folder: string, log: Log): Promise<SeenCommands> => {
  const file = persistedFile<SeenFile>({
    folder,
    name: 'commands.json',
    parse: record<SeenFile>({
      format: oneOf(1),
      seen: list(most, record<Seen>({ id: text(64), notAfter: count })),
    }),
    log,
  })
  const seen = new Map((await file.read())?.seen.map(one => [one.id, one.notAfter]))
  return {
    async note(id, notAfter, hubNow) {
      if (seen.has(id)) return 'again'
      for (const [old, expiry] of seen) if (expiry < hubNow) seen.delete(old)
      if (seen.size >= most) return 'full'
      const all = [...seen, [id, notAfter] as const].map(([one, expiry]) => ({ id: one, notAfter: expiry }))
      await file.write({ format: 1, seen: all })
      seen.set(id, notAfter)
      return 'first'
    },
  }
}
