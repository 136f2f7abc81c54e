import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  createReadStream,
  createWriteStream,
  fstatSync,
  openSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { Readable, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { describeError, Fault } from '../../api/fault.ts'
import type { Source } from './overlay.ts'

/** An image on the disk, as it is when nothing is compressed any more. */
export interface ImageFile extends Source {
  readonly path: string
  /** Removes what was unpacked. */
  close(): void
}

/** How an image may be compressed, by its first bytes. */
const packings = {
  gz: [0x1f, 0x8b],
  zst: [0x28, 0xb5, 0x2f, 0xfd],
  xz: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00],
  zip: [0x50, 0x4b, 0x03, 0x04],
} as const

export type Packing = keyof typeof packings

export const packingOf = (first: Uint8Array): Packing | undefined =>
  (Object.keys(packings) as Packing[]).find(name => packings[name].every((byte, at) => first[at] === byte))

/**
 * Opens an image. One that is compressed (gz, zst, xz) is unpacked to a file in `work`, which goes when it is closed.
 *
 * @throws Fault Machine when it cannot be read, when `xz` is needed and missing; Malformed when it is damaged
 * @example const image = await openImage('raspios.img.xz', { work: '/var/tmp', signal })
 */
export const openImage = async (
  path: string,
  of: { readonly work: string; readonly signal: AbortSignal },
): Promise<ImageFile> => {
  const packed = openFile(path)
  const packing = packed.length < 6 ? undefined : packingOf(packed.read(0, 6))
  if (packing === undefined) return packed
  packed.close()
  if (packing === 'zip')
    throw new Fault('BadRequest', `${path} is a zip archive; unpack it, and give the .img that is in it`)
  const target = join(of.work, `dunlin-flash-${process.pid}-${randomBytes(4).toString('hex')}.img`)
  try {
    await unpack(path, packing, target, of.signal)
    const image = openFile(target)
    return {
      ...image,
      path: target,
      close() {
        image.close()
        rmSync(target, { force: true })
      },
    }
  } catch (error) {
    rmSync(target, { force: true })
    if (error instanceof Fault || of.signal.aborted) throw error
    throw new Fault('Malformed', `${path} cannot be unpacked (${packing}): ${describeError(error)}`, { path }, error)
  }
}

/** A file as a source of bytes. */
export const openFile = (path: string): ImageFile => {
  let file: number
  try {
    if (statSync(path).isDirectory()) throw new Error('it is a folder')
    file = openSync(path, 'r')
  } catch (error) {
    throw new Fault('Machine', `${path} cannot be read: ${describeError(error)}`, { path }, error)
  }
  return {
    path,
    length: fstatSync(file).size,
    read(at, length) {
      const bytes = Buffer.allocUnsafe(length)
      for (let done = 0; done < length; ) {
        const count = readSync(file, bytes, done, length - done, at + done)
        if (count === 0)
          throw new Fault('Malformed', `${path} ends at byte ${at + done}; ${length} were expected from ${at}`)
        done += count
      }
      return bytes
    },
    close: () => closeSync(file),
  }
}

const unpack = async (
  path: string,
  packing: 'gz' | 'zst' | 'xz',
  target: string,
  signal: AbortSignal,
): Promise<void> => {
  const into = createWriteStream(target, { flags: 'wx', mode: 0o600 })
  if (packing !== 'xz') {
    const through: Transform = packing === 'gz' ? createGunzip() : createZstdDecompress()
    return await pipeline(createReadStream(path), through, into, { signal })
  }
  const xz = spawn('xz', ['--decompress', '--stdout', '--', path], { stdio: ['ignore', 'pipe', 'pipe'], signal })
  let said = ''
  xz.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-500)
  })
  const ended = new Promise<void>((resolve, reject) => {
    xz.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'ENOENT'
          ? new Fault(
              'Machine',
              `${path} is packed with xz, and the program xz is not on this machine: install xz-utils`,
            )
          : error,
      ),
    )
    xz.once('close', code => (code === 0 ? resolve() : reject(new Error(said.trim() || `xz ended with ${code}`))))
  })
  await Promise.all([ended, pipeline(Readable.from(xz.stdout), into, { signal })])
}
