import { createHash, createPublicKey, type KeyObject, sign, verify, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { describeError, Fault } from '../../api/fault.ts'
import { der, readDer } from '../../lib/der.ts'

/*
 * All of X.509 that the hub writes, and the certificate requests that strangers send (RFC 5280, RFC 2986).
 * Everything is signed with ECDSA on P-256 and SHA-256.
 */

const oids = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const

/** OIDs as `X509Certificate.keyUsage` (extended key usage) gives them. */
export const purposes = { client: '1.3.6.1.5.5.7.3.2', server: '1.3.6.1.5.5.7.3.1' } as const

/** Valid for a board whose clock stands at 1970, and for ever after. */
export const always = { notBefore: new Date(0), notAfter: new Date('9999-12-31T23:59:59Z') } as const

export interface CertificateOrder {
  /** CN, and each O in its turn. */
  readonly subject: { readonly name: string; readonly groups: readonly string[] }
  readonly publicKey: KeyObject
  readonly notBefore: Date
  readonly notAfter: Date
  readonly purpose: 'authority' | keyof typeof purposes
  /** Host names, IP addresses and URIs. */
  readonly altNames?: { readonly hosts?: readonly string[]; readonly uris?: readonly string[] }
  /** 16 random bytes. */
  readonly serial: Uint8Array
}

export interface Issuer {
  readonly subject: { readonly name: string; readonly groups: readonly string[] }
  readonly privateKey: KeyObject
}

/**
 * A signed certificate as PEM.
 *
 * @example issueCertificate(ca, { subject: { name: 'admin', groups: ['system:masters'] }, purpose: 'client', … })
 */
export const issueCertificate = (issuer: Issuer, order: CertificateOrder): string => {
  const spki = exportSpki(order.publicKey)
  const serial = Buffer.from(order.serial)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x01 // positive and never zero: RFC 5280 4.1.2.2
  const algorithm = der.sequence(der.oid(oids.ecdsaWithSha256))
  const body = der.sequence(
    der.tagged(0, der.integer(2)),
    der.integer(serial),
    algorithm,
    nameOf(issuer.subject),
    der.sequence(der.time(order.notBefore), der.time(order.notAfter)),
    nameOf(order.subject),
    spki,
    der.tagged(3, der.sequence(...extensionsOf(order, spki, exportSpki(createPublicKey(issuer.privateKey))))),
  )
  const signature = sign('sha256', body, issuer.privateKey)
  return toPem('CERTIFICATE', der.sequence(body, algorithm, der.bits(signature)))
}

const nameOf = (subject: CertificateOrder['subject']): Buffer =>
  der.sequence(
    ...subject.groups.map(group => attribute(oids.organization, group)),
    attribute(oids.commonName, subject.name),
  )

const attribute = (oid: string, text: string): Buffer => der.set(der.sequence(der.oid(oid), der.utf8(text)))

const extensionsOf = (order: CertificateOrder, spki: Buffer, issuerSpki: Buffer): Buffer[] => {
  const isAuthority = order.purpose === 'authority'
  // keyCertSign and cRLSign, or digitalSignature.
  const usage = isAuthority ? der.bits(Buffer.from([0x06]), 1) : der.bits(Buffer.from([0x80]), 7)
  const names = altNamesOf(order.altNames ?? {})
  return [
    extension(oids.basicConstraints, true, isAuthority ? der.sequence(der.boolean(true)) : der.sequence()),
    extension(oids.keyUsage, true, usage),
    ...(order.purpose === 'authority'
      ? []
      : [extension(oids.extendedKeyUsage, false, der.sequence(der.oid(purposes[order.purpose])))]),
    extension(oids.subjectKeyId, false, der.octets(keyId(spki))),
    extension(oids.authorityKeyId, false, der.sequence(der.taggedPrimitive(0, keyId(issuerSpki)))),
    ...(names.length === 0 ? [] : [extension(oids.subjectAltName, false, der.sequence(...names))]),
  ]
}

const extension = (oid: string, isCritical: boolean, value: Buffer): Buffer =>
  der.sequence(der.oid(oid), ...(isCritical ? [der.boolean(true)] : []), der.octets(value))

const altNamesOf = (names: NonNullable<CertificateOrder['altNames']>): Buffer[] => [
  ...(names.hosts ?? []).map(host =>
    isIP(host) === 0 ? der.taggedPrimitive(2, Buffer.from(host)) : der.taggedPrimitive(7, addressBytes(host)),
  ),
  ...(names.uris ?? []).map(uri => der.taggedPrimitive(6, Buffer.from(uri))),
]

const addressBytes = (address: string): Buffer => {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number))
  const [head = '', tail] = address.replace(/%.*$/, '').split('::')
  const words = (text: string) => text.split(':').filter(word => word !== '')
  const after = words(tail ?? '')
  const middle = tail === undefined ? 0 : 8 - words(head).length - after.length
  const all = [...words(head), ...Array.from({ length: middle }, () => '0'), ...after]
  return Buffer.from(all.flatMap(word => [Number.parseInt(word, 16) >> 8, Number.parseInt(word, 16) & 0xff]))
}

/** RFC 5280 4.2.1.2 (1), with SHA-256 cut to 20 bytes as RFC 7093 has it. */
const keyId = (spki: Uint8Array): Buffer => createHash('sha256').update(spki).digest().subarray(0, 20)

const exportSpki = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' })

export const toPem = (label: string, bytes: Uint8Array): string => {
  const lines = Buffer.from(bytes)
    .toString('base64')
    .match(/.{1,64}/g)
  return `-----BEGIN ${label}-----\n${(lines ?? []).join('\n')}\n-----END ${label}-----\n`
}

/** SHA-256 of the certificate's public key, base64url: what a join token pins. */
export const pinOf = (certificate: X509Certificate): string =>
  createHash('sha256').update(exportSpki(certificate.publicKey)).digest('base64url')

/** SHA-256 of the whole certificate, lower-case hex. */
export const fingerprintOf = (certificate: X509Certificate): string =>
  certificate.fingerprint256.replaceAll(':', '').toLowerCase()

const mostRequestBytes = 4096

/**
 * The public key of a certificate request (PEM, PKCS #10) whose signature proves that the sender holds its private
 * key. Subject and attributes are not looked at: the hub says what goes into the certificate.
 *
 * @throws Fault Malformed when it is no request for a P-256 key; Distrusted when the signature does not hold
 */
export const readCertificateRequest = (pem: string): KeyObject => {
  const match = /^-----BEGIN CERTIFICATE REQUEST-----\n([A-Za-z0-9+/=\n]+)-----END CERTIFICATE REQUEST-----\n?$/.exec(
    pem,
  )
  if (match === null || pem.length > mostRequestBytes)
    throw new Fault(
      'Malformed',
      `the certificate request is no PEM "CERTIFICATE REQUEST" of at most ${mostRequestBytes} bytes`,
    )
  const { body, publicKey, signature } = parseRequest(Buffer.from(match[1] ?? '', 'base64'))
  if (!verify('sha256', body, publicKey, signature))
    throw new Fault('Distrusted', 'the certificate request is not signed by the key that it names')
  return publicKey
}

const parseRequest = (bytes: Buffer) => {
  try {
    const [outer, ...more] = readDer(bytes)
    if (outer?.tag !== 0x30 || more.length > 0) throw new RangeError('not one SEQUENCE')
    const [body, algorithm, bits] = readDer(outer.content)
    const key = body === undefined ? undefined : readDer(body.content)[2]
    if (body === undefined || key === undefined || algorithm === undefined || bits?.tag !== 0x03)
      throw new RangeError('parts are missing')
    if (bits.content[0] !== 0) throw new RangeError('the signature is not whole bytes')
    if (!algorithm.whole.equals(der.sequence(der.oid(oids.ecdsaWithSha256))))
      throw new RangeError('signature algorithm is not ecdsa-with-SHA256')
    const publicKey = createPublicKey({ key: key.whole, format: 'der', type: 'spki' })
    if (publicKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new RangeError('key is not on P-256')
    return { body: body.whole, publicKey, signature: bits.content.subarray(1) }
  } catch (error) {
    throw new Fault('Malformed', `the certificate request cannot be read: ${describeError(error)}`, {}, error)
  }
}

/** Whether `certificate` was signed by `authority`. Dates and purposes are not looked at. */
export const isIssuedBy = (certificate: X509Certificate, authority: X509Certificate): boolean =>
  certificate.checkIssued(authority) && certificate.verify(authority.publicKey)

/** @throws Fault Machine when the text is no certificate */
export const readCertificate = (pem: string, what: string): X509Certificate => {
  try {
    return new X509Certificate(pem)
  } catch (error) {
    throw new Fault('Machine', `${what} holds no certificate: ${describeError(error)}`, {}, error)
  }
}
