import type { PeerCertificate, TLSSocket } from 'node:tls'
import { describeError } from '../../api/fault.ts'
import type { BusRole } from '../../wire/topic-names.ts'
import { isNodeName } from '../../wire/topic-names.ts'
import { type Caller, groups, nodeUser } from '../identity/caller.ts'

/** Who the certificate of a connection says it is, or why it may not speak here. */
export type CertificateRole =
  | { readonly admits: true; readonly who: BusRole; readonly user: string; readonly fingerprint: string }
  | { readonly admits: false; readonly why: string }

export interface RoleChecks {
  readonly now: number
  readonly isRevoked: (fingerprint: string) => boolean
  /** The hub's own judgement of a connection, where there is one: it decides alone. @throws Fault Unauthorized */
  readonly authenticate?: ((socket: TLSSocket) => Caller) | undefined
}

/**
 * Looks at a connection's certificate anew for every connection: a resumed TLS session verifies nothing again.
 *
 * @example certificateRole(socket, { now, isRevoked })
 */
export const certificateRole = (socket: TLSSocket, of: RoleChecks): CertificateRole => {
  const shown = of.authenticate === undefined ? subjectOf(socket, of) : judged(socket, of.authenticate)
  if ('admits' in shown) return shown
  const { user, organisations, fingerprint } = shown
  const admitted = { admits: true, user, fingerprint } as const
  if (organisations.includes(groups.nodes)) {
    const node = user.slice(nodeUser('').length)
    if (user !== nodeUser(node) || !isNodeName(node)) return refusal(`"${user}" is not the name of a node`)
    return { ...admitted, who: { role: 'node', node } }
  }
  if (organisations.includes(groups.telemetry)) return { ...admitted, who: { role: 'telemetry' } }
  return refusal(`"${user}" of ${organisations.join(', ') || 'no organisation'} has no business with the broker`)
}

interface Subject {
  readonly user: string
  readonly organisations: readonly string[]
  readonly fingerprint: string
}

const judged = (socket: TLSSocket, authenticate: (socket: TLSSocket) => Caller): Subject | CertificateRole => {
  try {
    const { by, user, groups: organisations, fingerprint } = authenticate(socket)
    if (by !== 'certificate' || fingerprint === undefined) return refusal('no client certificate was shown')
    return { user, organisations, fingerprint }
  } catch (error) {
    return refusal(describeError(error))
  }
}

const subjectOf = (socket: TLSSocket, of: RoleChecks): Subject | CertificateRole => {
  const certificate = socket.getPeerCertificate()
  if (!socket.authorized || !certificate?.subject)
    return refusal(`no client certificate of this fleet's CA (${socket.authorizationError ?? 'none was shown'})`)
  const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase()
  if (of.isRevoked(fingerprint)) return refusal(`the certificate ${fingerprint.slice(0, 16)} was revoked`)
  if (Date.parse(certificate.valid_to) < of.now) return refusal(`the certificate ended on ${certificate.valid_to}`)
  return { user: named(certificate, 'CN')[0] ?? '', organisations: named(certificate, 'O'), fingerprint }
}

const refusal = (why: string): CertificateRole => ({ admits: false, why })

/** Node gives a list where a name occurs more than once. */
const named = (certificate: PeerCertificate, part: 'CN' | 'O'): readonly string[] => {
  const found: string | readonly string[] | undefined = certificate.subject[part]
  return found === undefined ? [] : typeof found === 'string' ? [found] : found
}
