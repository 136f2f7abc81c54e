import { createCipheriv, createDecipheriv, scrypt } from 'node:crypto'
import { Fault } from '../api/fault.ts'

/*
 * A sealed backup:   magic | salt (16) | frame | frame | … | last frame
 * A frame:           length of the ciphertext, 4 bytes | ciphertext | tag (16)
 *
 * The key comes from passphrase and salt by scrypt (RFC 7914; N 2^15, r 8, p 1: 32 MiB). Each frame is AES-256-GCM; its
 * nonce is its number and whether it is the last, so frames cannot be left out, moved or cut off.
 */
const magic = Buffer.from('dunlin sealed backup 1\n')
const saltBytes = 16
const tagBytes = 16
const frameBytes = 64 * 1024

export const isSealedBackup = (start: Uint8Array): boolean => magic.equals(start.subarray(0, magic.length))

/** @example sealBackup(tarball, passphrase, randomBytes(16)) */
export async function* sealBackup(
  plain: AsyncIterable<Uint8Array>,
  passphrase: string,
  salt: Uint8Array,
): AsyncGenerator<Uint8Array> {
  const key = await keyFrom(passphrase, salt)
  yield Buffer.concat([magic, salt])
  let number = 0
  let rest = Buffer.alloc(0)
  for await (const chunk of plain) {
    rest = Buffer.concat([rest, chunk])
    for (; rest.length > frameBytes; rest = rest.subarray(frameBytes))
      yield sealFrame(key, number++, false, rest.subarray(0, frameBytes))
  }
  yield sealFrame(key, number, true, rest)
}

/**
 * What was sealed, frame by frame, each checked before it is given out.
 *
 * @throws Fault Distrusted when the passphrase is wrong or the bytes were changed; Malformed when they are cut short
 */
export async function* openBackup(sealed: AsyncIterable<Uint8Array>, passphrase: string): AsyncGenerator<Uint8Array> {
  let rest = Buffer.alloc(0)
  let key: Buffer | undefined
  let number = 0
  let isDone = false
  for await (const chunk of sealed) {
    rest = Buffer.concat([rest, chunk])
    if (key === undefined) {
      if (rest.length < magic.length + saltBytes) continue
      key = await keyFrom(passphrase, rest.subarray(magic.length, magic.length + saltBytes))
      rest = rest.subarray(magic.length + saltBytes)
    }
    for (let length = frameLength(rest); length !== undefined; length = frameLength(rest)) {
      const frame = openFrame(key, number, rest.subarray(4, length))
      isDone = frame.isLast
      number += 1
      rest = rest.subarray(length)
      yield frame.plain
    }
  }
  if (!isDone || rest.length > 0) throw new Fault('Malformed', 'the sealed backup is cut short')
}

const keyFrom = (passphrase: string, salt: Uint8Array): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const cost = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 }
    scrypt(passphrase.normalize('NFC'), salt, 32, cost, (error, key) => (error === null ? resolve(key) : reject(error)))
  })

const nonceOf = (number: number, isLast: boolean): Buffer => {
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32BE(number, 4)
  nonce.writeUInt8(isLast ? 1 : 0, 11)
  return nonce
}

const sealFrame = (key: Buffer, number: number, isLast: boolean, plain: Buffer): Buffer => {
  const cipher = createCipheriv('aes-256-gcm', key, nonceOf(number, isLast))
  const body = Buffer.concat([cipher.update(plain), cipher.final()])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length)
  return Buffer.concat([length, body, cipher.getAuthTag()])
}

/** The length of the frame that `bytes` begins with; undefined when not all of it is there. */
const frameLength = (bytes: Buffer): number | undefined => {
  if (bytes.length < 4) return undefined
  const body = bytes.readUInt32BE(0)
  if (body > frameBytes) throw new Fault('Malformed', `the sealed backup is damaged: a frame of ${body} bytes`)
  return bytes.length < 4 + body + tagBytes ? undefined : 4 + body + tagBytes
}

const openFrame = (
  key: Buffer,
  number: number,
  frame: Buffer,
): { readonly plain: Buffer; readonly isLast: boolean } => {
  for (const isLast of [false, true]) {
    const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(number, isLast))
    decipher.setAuthTag(frame.subarray(-tagBytes))
    const plain = decipher.update(frame.subarray(0, -tagBytes))
    try {
      return { plain: Buffer.concat([plain, decipher.final()]), isLast }
    } catch {
      // Not this one of the two nonces; after both, the frame is refused below.
    }
  }
  throw new Fault(
    'Distrusted',
    number === 0 ? 'the passphrase is wrong, or the backup was changed' : `the backup was changed, in frame ${number}`,
  )
}
