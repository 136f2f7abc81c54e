import type { X509Certificate } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { Fault } from '../../api/fault.ts'
import { type Caller, groups } from './caller.ts'
import { fingerprintOf, isIssuedBy, purposes } from './certificates.ts'
import { keyHashOf, type NodeRegister } from './node-register.ts'
import type { ServiceAccountTokens } from './service-account-tokens.ts'
import { subjectOf } from './subject.ts'

export interface Proofs {
  readonly ca: X509Certificate
  readonly now: () => number
  readonly register: NodeRegister
  readonly serviceAccounts: ServiceAccountTokens
}

/** The certificates whose signature held, newest last: checking costs 0.2 ms and connections come back. */
const mostRemembered = 1024

export interface Authenticator {
  /**
   * Who is on the connection. A certificate that is shown must hold; a token comes second; else nobody.
   * @throws Fault Unauthorized
   */
  authenticate(socket: TLSSocket, headers: IncomingHttpHeaders): Caller
  /**
   * The user (CN) and groups (O) that a client certificate names. Chain, purpose, dates and revocation are judged here
   * and not by TLS, for a resumed session skips them there.
   * @throws Fault Unauthorized
   */
  callerOf(certificate: X509Certificate): Caller
}

export const authenticator = (proofs: Proofs): Authenticator => {
  const remembered = new Set<string>()

  const isTrusted = (certificate: X509Certificate): boolean => {
    const key = certificate.fingerprint256
    if (remembered.has(key)) return true
    if (!isIssuedBy(certificate, proofs.ca)) return false
    const [oldest] = remembered.size >= mostRemembered ? remembered : []
    if (oldest !== undefined) remembered.delete(oldest)
    remembered.add(key)
    return true
  }

  const callerOf = (certificate: X509Certificate): Caller => {
    const { user, organizations } = subjectOf(certificate)
    const who = `the client certificate of "${user}"`
    if (!isTrusted(certificate))
      throw new Fault('Unauthorized', `${who} was issued by "${issuerOf(certificate)}", not by the CA of this fleet`)
    if (certificate.keyUsage?.includes(purposes.client) !== true)
      throw new Fault('Unauthorized', `${who} is not for clients (extended key usage)`)
    const fingerprint = fingerprintOf(certificate)
    const revoked = proofs.register.revocationOf(fingerprint, keyHashOf(certificate.publicKey))
    if (revoked !== undefined)
      throw new Fault('Unauthorized', `${who} was revoked at ${revoked.at}: ${revoked.why}`, { fingerprint })
    if (proofs.now() >= certificate.validToDate.getTime())
      throw new Fault(
        'Unauthorized',
        `${who} ended at ${certificate.validToDate.toISOString()}; ${remedy(organizations)}`,
      )
    return { user, groups: [...organizations, groups.authenticated], by: 'certificate', fingerprint }
  }

  return {
    callerOf,
    authenticate(socket, headers) {
      const certificate = socket.getPeerX509Certificate()
      if (certificate !== undefined) return callerOf(certificate)
      const word = headers.authorization
      if (word === undefined) return { user: 'system:anonymous', groups: ['system:unauthenticated'], by: 'anonymous' }
      const token = /^Bearer +(\S+)$/i.exec(word)?.[1]
      if (token !== undefined) return proofs.serviceAccounts.verify(token)
      throw new Fault('Unauthorized', 'the Authorization header is not "Bearer <token>"; no other scheme is known here')
    },
  }
}

const remedy = (organizations: readonly string[]): string =>
  organizations.includes(groups.nodes) ? 'the agent renews it at /dunlin/v1/renew' : 'make a new one: dunlin kubeconfig'

const issuerOf = (certificate: X509Certificate): string =>
  (certificate.issuer ?? '').replaceAll('\n', ', ').slice(0, 200)
