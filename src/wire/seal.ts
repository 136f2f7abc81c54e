import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto'
import { Fault } from '../api/fault.ts'

/*
 *   ephemeral public key (32) | ciphertext | tag (16)
 *
 * X25519 between a key made for this one message and the recipient's, HKDF-SHA256 (RFC 5869) to a key and a nonce,
 * ChaCha20-Poly1305 (RFC 8439) with `context` as associated data.
 */

/** What sealing adds to the length. */
export const sealOverhead = 48

const cipher = 'chacha20-poly1305'
const spkiPrefix = Buffer.from('302a300506032b656e032100', 'hex')

/**
 * Encrypts for the owner of an X25519 key alone. The same `context` must be given to open it.
 *
 * @example const sealed = seal(node.sealPublicKey, Buffer.from('secret'), header)
 */
export const seal = (recipient: KeyObject, plain: Uint8Array, context: Uint8Array): Buffer => {
  const { publicKey, privateKey } = generateKeyPairSync('x25519')
  const own = rawPublicKey(publicKey)
  const { key, nonce } = derive(diffieHellman({ privateKey, publicKey: recipient }), own, rawPublicKeyOf(recipient))
  const encrypt = createCipheriv(cipher, key, nonce, { authTagLength: 16 })
  encrypt.setAAD(context, { plaintextLength: plain.length })
  const body = Buffer.concat([encrypt.update(plain), encrypt.final()])
  return Buffer.concat([own, body, encrypt.getAuthTag()])
}

/**
 * Opens what `seal` made.
 *
 * @throws Fault Malformed when too short; Distrusted when it was not sealed for this key and context, or was changed
 */
export const openSealed = (recipient: KeyObject, sealed: Uint8Array, context: Uint8Array): Buffer => {
  if (sealed.length < sealOverhead)
    throw new Fault(
      'Malformed',
      `sealed bytes are cut short: ${sealed.length} bytes, at least ${sealOverhead} expected`,
    )
  const own = sealed.subarray(0, 32)
  const publicKey = createPublicKey({ key: Buffer.concat([spkiPrefix, own]), format: 'der', type: 'spki' })
  try {
    const shared = diffieHellman({ privateKey: recipient, publicKey })
    const { key, nonce } = derive(shared, own, rawPublicKeyOf(recipient))
    const decrypt = createDecipheriv(cipher, key, nonce, { authTagLength: 16 })
    decrypt.setAAD(context, { plaintextLength: sealed.length - sealOverhead })
    decrypt.setAuthTag(sealed.subarray(-16))
    return Buffer.concat([decrypt.update(sealed.subarray(32, -16)), decrypt.final()])
  } catch (cause) {
    throw new Fault('Distrusted', 'sealed bytes do not open: sealed for another key, or changed on the way', {}, cause)
  }
}

const derive = (shared: Buffer, ephemeral: Uint8Array, recipient: Uint8Array) => {
  const out = Buffer.from(hkdfSync('sha256', shared, Buffer.concat([ephemeral, recipient]), 'dunlin seal 1', 44))
  return { key: out.subarray(0, 32), nonce: out.subarray(32) }
}

/** Of a recipient, public or private: worked out once, as every message needs it. Goes with the key. */
const rawPublicKeyOf = (recipient: KeyObject): Buffer => {
  const known = rawKeys.get(recipient)
  if (known !== undefined) return known
  const raw = rawPublicKey(recipient.type === 'private' ? createPublicKey(recipient) : recipient)
  rawKeys.set(recipient, raw)
  return raw
}
const rawKeys = new WeakMap<KeyObject, Buffer>()

/** The last 32 bytes of an X25519 SubjectPublicKeyInfo are the key itself (RFC 8410). */
const rawPublicKey = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' }).subarray(-32)
