import { createReadStream } from 'node:fs'
import { mkdtemp, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline, Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { Fault } from '../api/fault.ts'
import { removeFile } from '../lib/durable-file.ts'
import { type TarFile, writeTar } from '../lib/tar.ts'
import { sealBackup } from './backup-seal.ts'
import type { Store } from './store/store.ts'

/** What a backup says of itself, in `backup.json`, its first file. */
export interface BackupFacts {
  readonly format: 1
  readonly fleet: string
  readonly incarnation: number
  readonly revision: number
  /** RFC 3339 */
  readonly taken: string
}

export interface BackupOptions {
  /** The hub's data folder, where a copy of the store lies while the backup is read. */
  readonly folder: string
  readonly store: Store
  readonly fleet: string
  readonly now: () => number
  readonly randomBytes: (size: number) => Uint8Array
  /** Absent: the archive is in the clear, and holds every key of the fleet. */
  readonly passphrase?: string
}

/** A name that nobody gives to a file of his own: what begins so is deleted at the next start. */
const copyPrefix = '.backup-copy-'

/**
 * One archive (tar, gzip, sealed where there is a passphrase) of a consistent copy of the store and of all keys, while
 * the hub goes on. The copy is deleted when the archive has been read, or the reader goes away.
 *
 * @example await pipeline(takeBackup({ folder, store, fleet, now: Date.now, randomBytes }), createWriteStream(path))
 */
export async function* takeBackup(of: BackupOptions): AsyncGenerator<Uint8Array> {
  const copies = await mkdtemp(join(of.folder, copyPrefix))
  try {
    const revision = await of.store.revision()
    await of.store.backup(join(copies, 'hub.db'))
    const facts: BackupFacts = {
      format: 1,
      fleet: of.fleet,
      incarnation: of.store.incarnation,
      revision,
      taken: new Date(of.now()).toISOString(),
    }
    const archive = createGzip()
    // An error on the way destroys the archive with it: whoever reads it gets the error.
    pipeline(writeTar(filesOf(of.folder, copies, facts), of.now() / 1000), archive, () => {})
    yield* of.passphrase === undefined ? archive : sealBackup(archive, of.passphrase, of.randomBytes(16))
  } finally {
    await removeFile(copies)
  }
}

async function* filesOf(folder: string, copies: string, facts: BackupFacts): AsyncGenerator<TarFile> {
  const text = Buffer.from(`${JSON.stringify(facts, undefined, 2)}\n`)
  yield { name: 'backup.json', size: text.length, body: Readable.from([text]) }
  yield await fileAt(join(copies, 'hub.db'), 'hub.db')
  for (const name of (await readdir(join(folder, 'keys'))).filter(name => !name.endsWith('.tmp')).toSorted())
    yield await fileAt(join(folder, 'keys', name), `keys/${name}`)
}

const fileAt = async (path: string, name: string): Promise<TarFile> => ({
  name,
  size: (await stat(path)).size,
  body: createReadStream(path),
})

/** Deletes copies that a hub left behind which was killed during a backup. For the start of a hub. */
export const sweepBackupCopies = async (folder: string): Promise<void> => {
  for (const name of (await readdir(folder)).filter(name => name.startsWith(copyPrefix)))
    await removeFile(join(folder, name))
}

/** @throws Fault Malformed when the text is no `backup.json` that this hub can read */
export const parseBackupFacts = (text: string): BackupFacts => {
  const json: unknown = JSON.parse(text)
  const { format, fleet, incarnation, revision, taken } =
    typeof json === 'object' && json !== null ? (json as Partial<Record<string, unknown>>) : {}
  if (format !== 1) throw new Fault('Malformed', `the backup is of format ${JSON.stringify(format)}; this hub reads 1`)
  if (
    typeof fleet !== 'string' ||
    typeof incarnation !== 'number' ||
    typeof revision !== 'number' ||
    typeof taken !== 'string'
  )
    throw new Fault('Malformed', 'backup.json does not say fleet, incarnation, revision and time')
  return { format, fleet, incarnation, revision, taken }
}
