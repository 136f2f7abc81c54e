import { createReadStream } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { describeError, Fault } from '../api/fault.ts'
import { makeFolderDurably, removeFile, syncFolderDurably, writeDurably, writeNewFile } from '../lib/durable-file.ts'
import { readTar, type TarFile } from '../lib/tar.ts'
import { type BackupFacts, parseBackupFacts } from './backup.ts'
import { isSealedBackup, openBackup } from './backup-seal.ts'
import { finishRestore, isRestoreReady, readyMark, stagingOf } from './finish-restore.ts'
import { raiseIncarnation } from './store/raise-incarnation.ts'
import { openSqliteStore } from './store/sqlite-store.ts'
import type { Store } from './store/store.ts'

export interface RestoreOptions {
  readonly archive: string
  /** The data folder of the hub; it may hold neither a store nor keys. */
  readonly folder: string
  readonly now: () => number
  readonly passphrase?: string
}

export interface Restored {
  readonly facts: BackupFacts
  /** Higher than ever before, so that agents take the older revisions as news. */
  readonly incarnation: number
  /** Ids of join tokens that were open when the backup was taken; they are void now. */
  readonly voidedTokens: readonly string[]
  /** Sentences that the operator must read. */
  readonly warnings: readonly string[]
}

/**
 * Puts a backup into an empty data folder. All or nothing: it is unpacked and prepared beside, marked as whole, then
 * moved into place, by the next start of the hub where the power goes meanwhile. One that was cut short before that is
 * run again, and no hub begins a new fleet there.
 * Nodes that joined after the backup are taken back when they show their certificate.
 *
 * @throws Fault Machine (folder in use, no space), Malformed (no backup, cut short), Distrusted (passphrase)
 */
export const restoreBackup = async (of: RestoreOptions): Promise<Restored> => {
  if (await isRestoreReady(of.folder)) await finishRestore(of.folder)
  await refuseUsedFolder(of.folder)
  const staging = stagingOf(of.folder)
  await removeFile(staging)
  await makeFolderDurably(join(staging, 'keys'))
  try {
    const facts = await unpack(of, staging)
    const store = join(staging, 'hub.db')
    const incarnation = raiseIncarnation(store, of.now())
    const voidedTokens = await voidOpenTokens(store, of.now())
    await syncFolderDurably(join(staging, 'keys'))
    await writeDurably(join(staging, readyMark), '1\n')
    await finishRestore(of.folder)
    return { facts, incarnation, voidedTokens, warnings: warningsOf(facts, voidedTokens) }
  } catch (error) {
    if (!(await isRestoreReady(of.folder))) await removeFile(staging)
    throw error
  }
}

const warningsOf = (facts: BackupFacts, voided: readonly string[]): readonly string[] => [
  `Nodes and users that were revoked after ${facts.taken} are welcome again: remove them again (dunlin nodes remove, dunlin users remove).`,
  `Whatever was applied after ${facts.taken} is gone; apply it again. Running containers whose spec is the same go on.`,
  ...(voided.length === 0
    ? []
    : [`${voided.length} open join tokens are void; make new ones (dunlin join-token create).`]),
]

const refuseUsedFolder = async (folder: string): Promise<void> => {
  try {
    await makeFolderDurably(folder)
    const there = (await readdir(folder)).filter(name => name === 'keys' || name.startsWith('hub.db'))
    if (there.length === 0) return
    throw new Fault(
      'Machine',
      `${folder} already holds a hub (${there.toSorted().join(', ')}); stop it and move them away first, or name an empty folder`,
      { folder },
    )
  } catch (error) {
    if (error instanceof Fault) throw error
    throw new Fault('Machine', `the data folder ${folder} cannot be used: ${describeError(error)}`, { folder }, error)
  }
}

const unpack = async (of: RestoreOptions, staging: string): Promise<BackupFacts> => {
  let facts: BackupFacts | undefined
  const names = new Set<string>()
  try {
    for await (const file of readTar(await openArchive(of))) {
      if (names.has(file.name)) throw new Fault('Malformed', `the archive holds "${file.name}" twice`)
      if (file.name === 'backup.json' && file.size < 65_536) {
        facts = parseBackupFacts(await textOf(file))
      } else if (/^(hub\.db|keys\/[a-z0-9.-]{1,40})$/.test(file.name)) {
        await writeNewFile(join(staging, file.name), file.body)
      } else throw new Fault('Malformed', `the archive holds "${file.name.slice(0, 100)}", which no backup does`)
      names.add(file.name)
    }
  } catch (error) {
    if (error instanceof Fault) throw error
    throw new Fault(
      'Malformed',
      `${of.archive} is no whole backup: ${describeError(error)}`,
      { path: of.archive },
      error,
    )
  }
  const missing = [
    'backup.json',
    'hub.db',
    'keys/ca.key',
    'keys/ca.crt',
    'keys/signing.key',
    'keys/at-rest.json',
  ].filter(name => !names.has(name))
  if (facts === undefined || missing.length > 0)
    throw new Fault('Malformed', `${of.archive} is no whole backup: ${missing.join(', ')} not found in it`)
  return facts
}

const openArchive = async (of: RestoreOptions): Promise<AsyncIterable<Uint8Array>> => {
  const isSealed = isSealedBackup(await firstBytes(of.archive))
  if (isSealed && of.passphrase === undefined)
    throw new Fault('BadRequest', `${of.archive} is sealed with a passphrase; give it`)
  const bytes = createReadStream(of.archive)
  const plain: AsyncIterable<Uint8Array> = isSealed ? openBackup(bytes, of.passphrase ?? '') : bytes
  const gunzip = createGunzip()
  // An error on the way destroys gunzip with it: whoever reads it gets the error.
  pipeline(plain, gunzip, () => {})
  return gunzip
}

const firstBytes = async (path: string): Promise<Buffer> => {
  try {
    const file = await open(path, 'r')
    try {
      const bytes = Buffer.alloc(64)
      const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
      return bytes.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  } catch (error) {
    throw new Fault('Machine', `the backup ${path} cannot be read: ${describeError(error)}`, { path }, error)
  }
}

const textOf = async (file: TarFile): Promise<string> => {
  const chunks: Uint8Array[] = []
  for await (const chunk of file.body) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

/** A token that somebody may have used since must not be used again. */
const voidOpenTokens = async (path: string, now: number): Promise<readonly string[]> => {
  const prefix = '/dunlin/tokens/'
  const store: Store = await openSqliteStore({ path, now })
  try {
    const { entries } = await store.range(prefix)
    const open = entries.filter(entry => !isUsed(entry.value))
    for (const entry of open)
      await store.transact({
        compare: [{ key: entry.key, modRevision: entry.modRevision }],
        operations: [{ operation: 'delete', key: entry.key }],
      })
    return open.map(entry => entry.key.slice(prefix.length))
  } finally {
    await store.close()
  }
}

const isUsed = (value: Uint8Array): boolean => {
  const json: unknown = JSON.parse(Buffer.from(value).toString('utf8'))
  return typeof json === 'object' && json !== null && 'used' in json
}
