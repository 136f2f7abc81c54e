import { createHash, createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { Fault } from '../../api/fault.ts'
import { hubServerName } from '../../wire/enrolment.ts'
import type { AtRest } from '../ports.ts'
import { atRest } from './at-rest.ts'
import { addAtRestKey, openAtRestKeys } from './at-rest-keys.ts'
import { groups } from './caller.ts'
import {
  always,
  type CertificateOrder,
  isIssuedBy,
  issueCertificate,
  pinOf,
  purposes,
  readCertificate,
} from './certificates.ts'
import { type KeyFiles, makePrivateKey, openKeyFiles, readPrivateKey } from './key-files.ts'

/** A certificate (with its issuers, where a server shows it) and its private key, both PEM. */
export interface Credentials {
  readonly certificate: string
  readonly key: string
}

/** The keys of the hub: minted on first start, the same for ever after. */
export interface HubKeys {
  readonly folder: string
  /** Ten characters base32; part of every topic. */
  readonly fleet: string
  readonly ca: { readonly pem: string; readonly certificate: X509Certificate; readonly pin: string }
  /** Signs what the hub sends to nodes, and service account tokens. Ed25519. */
  readonly signing: { readonly id: string; readonly privateKey: KeyObject; readonly publicKey: KeyObject }
  readonly atRest: AtRest
  /** 48 bytes for TLS session tickets, so that sessions resume after a restart. */
  readonly ticketKeys: Buffer
  /** A client certificate of system:masters, at most a year old. */
  readonly admin: Credentials
  /** What the hub's TLS doors show: its certificate, then the CA's. */
  readonly server: Credentials
  /** Makes the server's certificate anew where it does not hold these names. Resolves to whether it did. */
  useNames(names: readonly string[]): Promise<boolean>
  /** A client certificate (PEM) for the key of somebody else. */
  issueClient(order: ClientOrder): string
  /** A private key and its client certificate, made here. */
  makeClient(order: Omit<ClientOrder, 'publicKey'>): Credentials
  /** From now on values are sealed under a new key; the old ones still open. */
  rotateAtRest(): Promise<void>
}

export interface ClientOrder {
  readonly name: string
  readonly groups: readonly string[]
  readonly publicKey: KeyObject
  readonly notAfter: Date
  readonly uris?: readonly string[]
}

export interface KeySources {
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly randomBytes: (size: number) => Uint8Array
  /** Host names and addresses by which the hub is reached; its certificate is made anew when they change. */
  readonly names: readonly string[]
}

/** The layout of the folder. One more when a later hub changes it. */
const format = '1'
const day = 86_400_000
const adminDays = 365
/** Renewed at a start with less than this left. */
const adminMarginDays = 120

/**
 * Opens the hub's keys in `folder`, and mints what is not there yet: fleet id, CA, server certificate, signing key,
 * at-rest keys, ticket keys, admin certificate. A start that was cut short goes on where it stopped.
 *
 * @throws Fault Machine when the folder cannot be used, or holds keys that do not belong together
 * @example const keys = await openKeys('/var/lib/dunlin/hub/keys', { now: Date.now, randomBytes, names: ['hub.lan'] })
 */
export const openKeys = async (folder: string, sources: KeySources): Promise<HubKeys> => {
  const files = await openKeyFiles(folder)
  await checkFormat(files)
  const fleet = await openFleet(files, sources)
  const ca = await openAuthority(files, fleet, sources)
  const issue = (order: CertificateParts): string =>
    issueCertificate(ca.issuer, { ...order, serial: sources.randomBytes(16) })

  const issueClient = (order: ClientOrder): string =>
    issue({
      subject: { name: order.name, groups: order.groups },
      publicKey: order.publicKey,
      // A hub or board with a wrong clock must not find it "not yet valid".
      notBefore: always.notBefore,
      notAfter: order.notAfter,
      purpose: 'client',
      altNames: { uris: order.uris ?? [] },
    })
  const makeClient = (order: Omit<ClientOrder, 'publicKey'>): Credentials => {
    const key = makePrivateKey('p256')
    return { certificate: issueClient({ ...order, publicKey: createPublicKey(key) }), key }
  }

  const signing = await openSigning(files)
  let atRestKeys = await openAtRestKeys(files, sources)
  const ticketKeys = await openTicketKeys(files, sources)
  let server = await openServer(files, issue, ca, sources.names)
  const admin = await openAdmin(files, makeClient, ca.certificate, sources)
  await files.readOrMake('format', () => `${format}\n`)

  return {
    folder,
    fleet,
    ca: { pem: ca.pem, certificate: ca.certificate, pin: pinOf(ca.certificate) },
    signing,
    atRest: atRest(() => atRestKeys, sources.randomBytes),
    ticketKeys,
    admin,
    get server() {
      return server
    },
    async useNames(names) {
      const before = server.certificate
      server = await openServer(files, issue, ca, names)
      return server.certificate !== before
    },
    issueClient,
    makeClient,
    async rotateAtRest() {
      atRestKeys = await addAtRestKey(files, atRestKeys, sources)
    },
  }
}

type CertificateParts = Omit<CertificateOrder, 'serial'>

const checkFormat = async (files: KeyFiles): Promise<void> => {
  const found = (await files.read('format'))?.trim()
  if (found === undefined || found === format) return
  throw new Fault(
    'Machine',
    `${join(files.folder, 'format')} says ${found}; this hub knows ${format}: use a newer hub`,
    {
      found,
    },
  )
}

const base32 = 'abcdefghijklmnopqrstuvwxyz234567'

/** Lower-case base32 digits, five random bits each. */
export const randomBase32 = (length: number, randomBytes: (size: number) => Uint8Array): string =>
  [...randomBytes(length)].map(byte => base32[byte & 31]).join('')

const openFleet = async (files: KeyFiles, sources: KeySources): Promise<string> => {
  const text = (await files.readOrMake('fleet-id', () => `${randomBase32(10, sources.randomBytes)}\n`)).trim()
  if (/^[a-z2-7]{10}$/.test(text)) return text
  throw new Fault('Machine', `${join(files.folder, 'fleet-id')} holds "${text}"; expected ten characters of base32`)
}

interface Authority {
  readonly pem: string
  readonly certificate: X509Certificate
  readonly issuer: { readonly subject: CertificateOrder['subject']; readonly privateKey: KeyObject }
}

const openAuthority = async (files: KeyFiles, fleet: string, sources: KeySources): Promise<Authority> => {
  const keyPath = join(files.folder, 'ca.key')
  const certificatePath = join(files.folder, 'ca.crt')
  const isMade = (await files.read('ca.crt')) !== undefined
  if (isMade && (await files.read('ca.key')) === undefined)
    throw new Fault('Machine', `${certificatePath} is there, ${keyPath} is not; restore the folder from a backup`)
  const privateKey = readPrivateKey(await files.readOrMake('ca.key', () => makePrivateKey('p256')), keyPath)
  const publicKey = createPublicKey(privateKey)
  const issuer = { subject: { name: `dunlin-ca-${fleet}`, groups: ['dunlin'] }, privateKey }
  const pem = await files.readOrMake('ca.crt', () =>
    issueCertificate(issuer, {
      subject: issuer.subject,
      publicKey,
      ...always,
      purpose: 'authority',
      serial: sources.randomBytes(16),
    }),
  )
  const certificate = readCertificate(pem, certificatePath)
  if (!certificate.checkPrivateKey(privateKey))
    throw new Fault('Machine', `${certificatePath} and ${keyPath} do not belong together; restore both from one backup`)
  if (!certificate.subject.split('\n').includes(`CN=${issuer.subject.name}`))
    throw new Fault('Machine', `${certificatePath} is not of fleet ${fleet}; restore the whole folder from one backup`)
  return { pem, certificate, issuer }
}

const openSigning = async (files: KeyFiles): Promise<HubKeys['signing']> => {
  const pem = await files.readOrMake('signing.key', () => makePrivateKey('ed25519'))
  const privateKey = readPrivateKey(pem, join(files.folder, 'signing.key'))
  const publicKey = createPublicKey(privateKey)
  return { id: signingKeyId(publicKey), privateKey, publicKey }
}

/** The name of a signing key: the first eight bytes of the SHA-256 of its SubjectPublicKeyInfo, lower-case hex. */
export const signingKeyId = (publicKey: KeyObject): string =>
  createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 16)

const openTicketKeys = async (files: KeyFiles, sources: KeySources): Promise<Buffer> => {
  const text = await files.readOrMake(
    'tickets.key',
    () => `${Buffer.from(sources.randomBytes(48)).toString('base64')}\n`,
  )
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length === 48) return bytes
  throw new Fault('Machine', `${join(files.folder, 'tickets.key')} holds ${bytes.length} bytes; expected 48: delete it`)
}

const openServer = async (
  files: KeyFiles,
  issue: (order: CertificateParts) => string,
  ca: Authority,
  names: readonly string[],
): Promise<Credentials> => {
  const key = await files.readOrMake('server.key', () => makePrivateKey('p256'))
  const privateKey = readPrivateKey(key, join(files.folder, 'server.key'))
  const hosts = [...new Set([hubServerName, 'localhost', '127.0.0.1', '::1', ...names.map(name => name.toLowerCase())])]
  const there = await files.read('server.crt')
  if (there !== undefined) {
    const certificate = readCertificate(there, join(files.folder, 'server.crt'))
    const isOurs = isIssuedBy(certificate, ca.certificate) && certificate.checkPrivateKey(privateKey)
    if (isOurs && hasNames(certificate, hosts)) return { certificate: `${there}${ca.pem}`, key }
  }
  const made = issue({
    subject: { name: hubServerName, groups: [groups.hub] },
    publicKey: createPublicKey(privateKey),
    ...always,
    purpose: 'server',
    altNames: { hosts },
  })
  await files.write('server.crt', made)
  return { certificate: `${made}${ca.pem}`, key }
}

const hasNames = (certificate: X509Certificate, hosts: readonly string[]): boolean =>
  (certificate.subjectAltName ?? '').split(', ').length === hosts.length &&
  hosts.every(host => (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined)

const openAdmin = async (
  files: KeyFiles,
  makeClient: (order: Omit<ClientOrder, 'publicKey'>) => Credentials,
  ca: X509Certificate,
  sources: KeySources,
): Promise<Credentials> => {
  const [certificatePem, key] = [await files.read('admin.crt'), await files.read('admin.key')]
  if (certificatePem !== undefined && key !== undefined) {
    const certificate = readCertificate(certificatePem, join(files.folder, 'admin.crt'))
    const left = certificate.validToDate.getTime() - sources.now()
    const isOurs =
      isIssuedBy(certificate, ca) &&
      certificate.keyUsage?.includes(purposes.client) === true &&
      certificate.checkPrivateKey(readPrivateKey(key, join(files.folder, 'admin.key')))
    if (isOurs && left > adminMarginDays * day) return { certificate: certificatePem, key }
  }
  const made = makeClient({
    name: 'admin',
    groups: [groups.admins],
    notAfter: new Date(sources.now() + adminDays * day),
  })
  await files.write('admin.key', made.key)
  await files.write('admin.crt', made.certificate)
  return made
}
