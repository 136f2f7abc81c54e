import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { always, issueCertificate } from '../../src/hub/identity/certificates.ts'
import { makePrivateKey } from '../../src/hub/identity/key-files.ts'
import { subjectOf } from '../../src/hub/identity/subject.ts'

/** What shows who one is, in TLS. */
export interface Credentials {
  readonly certificate: string
  readonly key: string
}

/** The authority of a fleet, out of its hub's folder: for whom the rounds need who outlives a year. */
const authorityIn = (hubFolder: string) => {
  const certificate = new X509Certificate(readFileSync(join(hubFolder, 'keys/ca.crt')))
  const { user, organizations } = subjectOf(certificate)
  const privateKey = createPrivateKey(readFileSync(join(hubFolder, 'keys/ca.key')))
  return { issuer: { subject: { name: user, groups: organizations }, privateKey }, ca: certificate.toString() }
}

/** An admin whose certificate never ends, so that the rounds can ask the hub whatever its clock says. */
export const adminForEver = (hubFolder: string): Credentials & { readonly ca: string } => {
  const { issuer, ca } = authorityIn(hubFolder)
  const key = makePrivateKey('p256')
  const certificate = issueCertificate(issuer, {
    ...always,
    subject: { name: 'rounds', groups: ['system:masters'] },
    publicKey: createPublicKey(key),
    purpose: 'client',
    serial: randomBytes(16),
  })
  return { certificate, key, ca }
}

/** The same certificate as a node has, but it ended a day before `now`. */
export const endedCertificate = (hubFolder: string, pem: string, now: number): string => {
  const old = new X509Certificate(pem)
  const { user, organizations } = subjectOf(old)
  const uris = (old.subjectAltName ?? '').split(', ').map(name => name.replace(/^URI:/, '').replaceAll('"', ''))
  return issueCertificate(authorityIn(hubFolder).issuer, {
    subject: { name: user, groups: organizations },
    publicKey: old.publicKey,
    notBefore: always.notBefore,
    notAfter: new Date(now - 86_400_000),
    purpose: 'client',
    altNames: { uris },
    serial: randomBytes(16),
  })
}

/** A certificate that says the right name, from an authority that nobody knows. */
export const strangerCertificate = (node: string): Credentials => {
  const privateKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const key = makePrivateKey('p256')
  const certificate = issueCertificate(
    { subject: { name: 'elsewhere', groups: ['dunlin'] }, privateKey },
    {
      ...always,
      subject: { name: `system:node:${node}`, groups: ['system:nodes'] },
      publicKey: createPublicKey(key),
      purpose: 'client',
      serial: randomBytes(16),
    },
  )
  return { certificate, key }
}
