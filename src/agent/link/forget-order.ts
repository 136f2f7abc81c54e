import { join } from 'node:path'
import { removeDurably } from '../../lib/durable-file.ts'
import type { Log } from '../../lib/log.ts'
import { persistedFile } from './persisted-file.ts'

const nothing = { incarnation: 0, revision: 0, term: 0 }

/**
 * Keeps the documents on disk and forgets their order: for a device that moves to another hub, whose documents may be
 * older by the old hub's count. Its pods run on until the new hub has spoken.
 *
 * @example await forgetOrder('/var/lib/dunlin/agent', log)
 */
export const forgetOrder = async (folder: string, log: Log): Promise<void> => {
  for (const name of ['assignment', 'neighbourhood']) {
    const file = persistedFile({ folder, name: `${name}.json`, parse: anObject, log })
    const stored = await file.read()
    if (stored === undefined) continue
    // The order that was remembered beside it goes first: alone it would bring back the old one.
    await removeDurably(join(folder, `${name}-order.json`))
    await file.write({ ...stored, held: { ...anObject(stored['held']), tuple: nothing } })
  }
}

const anObject = (value: unknown): { readonly [member: string]: unknown } => {
  if (typeof value !== 'object' || value === null) throw new Error('it holds no object')
  return { ...value }
}
