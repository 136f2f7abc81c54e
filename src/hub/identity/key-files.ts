import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { describeError, Fault } from '../../api/fault.ts'
import { makeFolderDurably, readIfThere, writeDurably } from '../../lib/durable-file.ts'

/** The files of `keys/`, each 0600 and written durably; the folder is 0700. */
export interface KeyFiles {
  readonly folder: string
  read(name: string): Promise<string | undefined>
  write(name: string, text: string): Promise<void>
  /** The file's text; where there is none, what `make` gives, after it has been written. */
  readOrMake(name: string, make: () => string): Promise<string>
}

/** @throws Fault Machine when the folder cannot be made or read */
export const openKeyFiles = async (folder: string): Promise<KeyFiles> => {
  const run = async <T>(what: string, deed: () => Promise<T>): Promise<T> => {
    try {
      return await deed()
    } catch (error) {
      throw new Fault('Machine', `cannot ${what}: ${describeError(error)}`, { folder }, error)
    }
  }
  await run(`make the folder of the hub's keys ${folder}`, async () => {
    await makeFolderDurably(folder)
    await chmod(folder, 0o700)
  })
  const read = (name: string) =>
    run(`read ${join(folder, name)}`, async () => (await readIfThere(join(folder, name)))?.toString('utf8'))
  const write = (name: string, text: string) =>
    run(`write ${join(folder, name)}`, () => writeDurably(join(folder, name), text, 0o600))
  return {
    folder,
    read,
    write,
    async readOrMake(name, make) {
      const there = await read(name)
      if (there !== undefined) return there
      const made = make()
      await write(name, made)
      return made
    },
  }
}

/** A new private key as PKCS #8 PEM. Made as PEM directly: exporting a fresh key as JWK can hang Node 20. */
export const makePrivateKey = (of: 'p256' | 'ed25519' | 'x25519'): string => {
  if (of === 'p256')
    return generateKeyPairSync('ec', { namedCurve: 'P-256', publicKeyEncoding, privateKeyEncoding }).privateKey
  if (of === 'ed25519') return generateKeyPairSync('ed25519', { publicKeyEncoding, privateKeyEncoding }).privateKey
  return generateKeyPairSync('x25519', { publicKeyEncoding, privateKeyEncoding }).privateKey
}

const privateKeyEncoding = { type: 'pkcs8', format: 'pem' } as const
const publicKeyEncoding = { type: 'spki', format: 'pem' } as const

/** @throws Fault Machine when the text is no private key */
export const readPrivateKey = (pem: string, path: string): KeyObject => {
  try {
    return createPrivateKey(pem)
  } catch (error) {
    throw new Fault(
      'Machine',
      `${path} holds no private key: ${describeError(error)}; restore the folder from a backup`,
      { path },
      error,
    )
  }
}
