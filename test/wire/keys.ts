import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { type Signer, signerOf } from '../../src/wire/envelope.ts'
import { keyId } from '../../src/wire/envelope-header.ts'

export interface TestSigner extends Signer {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

/** An Ed25519 key with its id. */
export const aSigner = (): TestSigner => {
  const { privateKey, publicKey } = pair('ed25519')
  return { ...signerOf(keyId(publicKey), privateKey), privateKey, publicKey }
}

/** An X25519 key pair. */
export const aSealKey = () => pair('x25519')

const pair = (type: 'ed25519' | 'x25519') => {
  const privateKey = createPrivateKey(
    type === 'ed25519'
      ? generateKeyPairSync('ed25519', { publicKeyEncoding, privateKeyEncoding }).privateKey
      : generateKeyPairSync('x25519', { publicKeyEncoding, privateKeyEncoding }).privateKey,
  )
  return { privateKey, publicKey: createPublicKey(privateKey) }
}

const publicKeyEncoding = { type: 'spki' as const, format: 'pem' as const }
const privateKeyEncoding = { type: 'pkcs8' as const, format: 'pem' as const }
