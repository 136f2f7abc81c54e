import { createHash, type KeyObject, X509Certificate } from 'node:crypto'
import { parsePublicKey } from '../../wire/enrolment.ts'
import type { Store } from '../store/store.ts'
import { fingerprintOf } from './certificates.ts'
import { parseRecord } from './parse-record.ts'
import { openRecords, type Records } from './records.ts'

/** A device that has joined, as the store keeps it under `/dunlin/nodes/<name>`. */
export interface NodeRecord {
  readonly format: 1
  readonly name: string
  /** The uid that the node's messages are addressed by: that of its Node object when it joined. */
  readonly uid: string
  /** SHA-256 of the SubjectPublicKeyInfo of its TLS key, hex. */
  readonly keyHash: string
  /** SubjectPublicKeyInfo, base64. */
  readonly signingKey: string
  readonly sealingKey: string
  readonly allowShell: boolean
  /** Labels that its Node object got when it joined. */
  readonly labels: { readonly [key: string]: string }
  /** RFC 3339 */
  readonly joined: string
  /** The certificates that it was given and that have not ended, newest last. At most 16. */
  readonly certificates: readonly { readonly fingerprint: string; readonly notAfter: string }[]
}

/** Under `/dunlin/revoked/<fingerprint>`, and `/dunlin/revoked/key-<hash>` for every certificate of that key. */
export interface RevocationRecord {
  readonly format: 1
  readonly id: string
  /** `node attic`, `user eve` */
  readonly subject: string
  readonly at: string
  /** One clause for people: `the node was removed`. */
  readonly why: string
}

export interface NodeRegister {
  readonly nodes: Records<NodeRecord>
  readonly revoked: Records<RevocationRecord>
  /** Why this certificate or key is shut out, or undefined where it is not. */
  revocationOf(fingerprint: string, keyHash: string): RevocationRecord | undefined
}

export const openNodeRegister = async (store: Store): Promise<NodeRegister> => {
  const nodes = await openRecords(store, '/dunlin/nodes/', parseNodeRecord)
  const revoked = await openRecords(store, '/dunlin/revoked/', parseRevocation)
  return {
    nodes,
    revoked,
    revocationOf: (fingerprint, keyHash) => revoked.get(fingerprint) ?? revoked.get(keyRevocation(keyHash)),
  }
}

/** Id of the revocation of a key. */
export const keyRevocation = (keyHash: string): string => `key-${keyHash}`

/** SHA-256 of the SubjectPublicKeyInfo, lower-case hex. */
export const keyHashOf = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')

/*
 * A node's certificate carries in its alternative names, as URIs, what the hub must know of the node. So a hub that was
 * restored from an older backup takes back a node that joined since, by its certificate alone.
 */
const uriPrefix = 'dunlin:'

export const nodeUris = (
  node: Pick<NodeRecord, 'uid' | 'signingKey' | 'sealingKey' | 'allowShell'>,
): readonly string[] => [
  `${uriPrefix}uid:${node.uid}`,
  `${uriPrefix}sign:${toUrl(node.signingKey)}`,
  `${uriPrefix}seal:${toUrl(node.sealingKey)}`,
  ...(node.allowShell ? [`${uriPrefix}shell:yes`] : []),
]

/** The record of a node from a certificate that this hub's CA issued to it; undefined when it is no node's. */
export const recordFromCertificate = (
  certificate: X509Certificate,
  name: string,
  now: number,
): NodeRecord | undefined => {
  const uris = new Map(
    (certificate.subjectAltName ?? '')
      .split(', ')
      .filter(one => one.startsWith(`URI:${uriPrefix}`))
      .map(one => one.slice(`URI:${uriPrefix}`.length).split(':'))
      .map(([key = '', value = '']) => [key, value]),
  )
  const [uid, sign, seal] = [uris.get('uid'), uris.get('sign'), uris.get('seal')]
  if (uid === undefined || sign === undefined || seal === undefined) return undefined
  return {
    format: 1,
    name,
    uid,
    keyHash: keyHashOf(certificate.publicKey),
    signingKey: fromUrl(sign),
    sealingKey: fromUrl(seal),
    allowShell: uris.get('shell') === 'yes',
    labels: { 'dunlin.io/site': 'default', 'kubernetes.io/hostname': name },
    joined: new Date(now).toISOString(),
    certificates: [certificateEntry(certificate)],
  }
}

const toUrl = (base64: string): string => Buffer.from(base64, 'base64').toString('base64url')
const fromUrl = (text: string): string => Buffer.from(text, 'base64url').toString('base64')

export const certificateEntry = (certificate: X509Certificate): NodeRecord['certificates'][number] => ({
  fingerprint: fingerprintOf(certificate),
  notAfter: certificate.validToDate.toISOString(),
})

const mostCertificates = 16

/** The record with one more certificate. Above 16 the oldest is forgotten; its key is still the node's. */
export const withCertificate = (record: NodeRecord, pem: string): NodeRecord => ({
  ...record,
  certificates: [...record.certificates, certificateEntry(new X509Certificate(pem))].slice(-mostCertificates),
})

const parseNodeRecord = (json: unknown): NodeRecord => {
  const fields = parseRecord(json)
  const record: NodeRecord = {
    format: fields.format(),
    name: fields.text('name'),
    uid: fields.text('uid'),
    keyHash: fields.text('keyHash'),
    signingKey: fields.text('signingKey'),
    sealingKey: fields.text('sealingKey'),
    allowShell: fields.flag('allowShell'),
    labels: fields.texts('labels'),
    joined: fields.text('joined'),
    certificates: fields.list('certificates', one => {
      const certificate = parseRecord(one)
      return { fingerprint: certificate.text('fingerprint'), notAfter: certificate.text('notAfter') }
    }),
  }
  parsePublicKey(record.signingKey, 'ed25519')
  parsePublicKey(record.sealingKey, 'x25519')
  return record
}

const parseRevocation = (json: unknown): RevocationRecord => {
  const fields = parseRecord(json)
  return {
    format: fields.format(),
    id: fields.text('id'),
    subject: fields.text('subject'),
    at: fields.text('at'),
    why: fields.text('why'),
  }
}
