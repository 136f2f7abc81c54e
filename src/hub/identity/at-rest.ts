import { createCipheriv, createDecipheriv } from 'node:crypto'
import { describeError, Fault } from '../../api/fault.ts'
import type { AtRest } from '../ports.ts'

/** A key that values in the store are sealed with. The newest seals; all of them open. */
export interface AtRestKey {
  /** 0 to 2^32-1, never given twice. */
  readonly id: number
  /** 32 bytes. */
  readonly key: Uint8Array
}

/*
 * A sealed value:  format 1 │ key id, 4 bytes │ nonce, 12 bytes │ tag, 16 bytes │ ciphertext
 * AES-256-GCM (NIST SP 800-38D); format, key id and context are authenticated. Nonces are random: keys are renewed
 * long before 2^32 values are sealed with one.
 */
const format = 1
const headBytes = 5
const nonceBytes = 12
const tagBytes = 16

/**
 * Encryption of values in the store, under the last of `keys`.
 *
 * @param keys read at every call, so that a new key counts at once
 * @example atRest(() => keys, randomBytes).seal(bytes, '/core/secrets/default/token')
 */
export const atRest = (keys: () => readonly AtRestKey[], randomBytes: (size: number) => Uint8Array): AtRest => ({
  seal(plain, context) {
    const newest = keys().at(-1)
    if (newest === undefined) throw new Fault('Machine', 'there is no key to seal with')
    const head = Buffer.alloc(headBytes)
    head.writeUInt8(format)
    head.writeUInt32BE(newest.id, 1)
    const nonce = randomBytes(nonceBytes)
    const cipher = createCipheriv('aes-256-gcm', newest.key, nonce)
    cipher.setAAD(bound(head, context))
    const body = Buffer.concat([cipher.update(plain), cipher.final()])
    return Buffer.concat([head, nonce, cipher.getAuthTag(), body])
  },
  open(sealed, context) {
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
    const start = headBytes + nonceBytes + tagBytes
    if (bytes.length < start || bytes[0] !== format)
      throw new Fault('Malformed', `${context}: not a value sealed at rest in format ${format}`, { context })
    const id = bytes.readUInt32BE(1)
    const found = keys().find(one => one.id === id)
    if (found === undefined)
      throw new Fault(
        'Malformed',
        `${context}: sealed with at-rest key ${id}, which is not in keys/at-rest.json; restore it from a backup`,
        { context, key: id },
      )
    try {
      const decipher = createDecipheriv('aes-256-gcm', found.key, bytes.subarray(headBytes, headBytes + nonceBytes))
      decipher.setAAD(bound(bytes.subarray(0, headBytes), context))
      decipher.setAuthTag(bytes.subarray(headBytes + nonceBytes, start))
      return Buffer.concat([decipher.update(bytes.subarray(start)), decipher.final()])
    } catch (error) {
      throw new Fault(
        'Malformed',
        `${context}: the sealed value was changed, or belongs elsewhere: ${describeError(error)}`,
        { context, key: id },
        error,
      )
    }
  },
})

const bound = (head: Uint8Array, context: string): Buffer => Buffer.concat([head, Buffer.from(context)])
