import { join } from 'node:path'
import { Fault } from '../../api/fault.ts'
import type { AtRestKey } from './at-rest.ts'
import type { KeyFiles } from './key-files.ts'

/*
 * keys/at-rest.json: every key that values in the store were ever sealed with, oldest first. A new one is added at a
 * start when the newest is half a year old; none is taken away, for a value may still lie under it.
 */

interface DatedKey extends AtRestKey {
  /** Milliseconds since 1970. */
  readonly made: number
}

export interface AtRestSources {
  readonly now: () => number
  readonly randomBytes: (size: number) => Uint8Array
}

const day = 86_400_000
const renewDays = 180

interface StoredAtRestKey {
  readonly id: number
  readonly key: string
  readonly made: string
}

export const openAtRestKeys = async (files: KeyFiles, sources: AtRestSources): Promise<readonly DatedKey[]> => {
  const text = await files.read('at-rest.json')
  const keys = text === undefined ? [] : parseAtRestKeys(text, join(files.folder, 'at-rest.json'))
  const newest = keys.at(-1)
  // The clock may have jumped back: a key from the future is still young.
  if (newest !== undefined && sources.now() - newest.made < renewDays * day) return keys
  return addAtRestKey(files, keys, sources)
}

export const addAtRestKey = async (
  files: KeyFiles,
  keys: readonly DatedKey[],
  sources: AtRestSources,
): Promise<readonly DatedKey[]> => {
  const id = Math.max(0, ...keys.map(one => one.id)) + 1
  const all = [...keys, { id, key: sources.randomBytes(32), made: sources.now() }]
  const stored: readonly StoredAtRestKey[] = all.map(one => ({
    id: one.id,
    key: Buffer.from(one.key).toString('base64'),
    made: new Date(one.made).toISOString(),
  }))
  await files.write('at-rest.json', `${JSON.stringify({ format: 1, keys: stored }, undefined, 2)}\n`)
  return all
}

const parseAtRestKeys = (text: string, path: string): readonly DatedKey[] => {
  const wrong = (what: string) => new Fault('Machine', `${path}: ${what}; restore the file from a backup`, { path })
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new Fault('Machine', `${path} is not JSON; restore the file from a backup`, { path }, error)
  }
  const keys = typeof parsed === 'object' && parsed !== null && 'keys' in parsed ? parsed.keys : undefined
  if (!Array.isArray(keys) || keys.length === 0) throw wrong('found no list of keys')
  return keys.map((one: unknown, index) => {
    const { id, key, made } = typeof one === 'object' && one !== null ? (one as Partial<Record<string, unknown>>) : {}
    const bytes = typeof key === 'string' ? Buffer.from(key, 'base64') : Buffer.alloc(0)
    const time = typeof made === 'string' ? Date.parse(made) : Number.NaN
    if (typeof id !== 'number' || !Number.isInteger(id) || bytes.length !== 32 || Number.isNaN(time))
      throw wrong(`keys[${index}] is not a number id, 32 bytes of key and the time it was made`)
    return { id, key: bytes, made: time }
  })
}
