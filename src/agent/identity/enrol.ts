import { Fault } from '../../api/fault.ts'
import {
  type Enrolment,
  type EnrolRequest,
  enrolPath,
  enrolProof,
  parseEnrolment,
  type RenewRequest,
  renewPath,
} from '../../wire/enrolment.ts'
import { parseJoinToken } from '../../wire/join-token.ts'
import { certificateRequest } from './certificate-request.ts'
import type { AgentIdentity } from './open-identity.ts'
import { postToHub } from './pinned-hub.ts'

export interface EnrolOptions {
  /** The word that `dunlin join-token` printed. */
  readonly token: string
  readonly nodeName?: string
  readonly hostName: string
  /** `arm64`, `arm`, `amd64` as Kubernetes says. */
  readonly arch: string
  readonly labels: { readonly [key: string]: string }
  /** Serial of the board, where it has one. */
  readonly board?: string
  readonly signal: AbortSignal
}

/**
 * Joins the hub that the token names, and keeps what it answers. May be repeated with the same token until it succeeds.
 *
 * @throws Fault Malformed (token), Unavailable, Distrusted (not the hub of the token), Unauthorized, Forbidden, Invalid
 * @example await enrol(identity, { token, hostName: hostname(), arch: 'arm64', labels: {}, signal })
 */
export const enrol = async (identity: AgentIdentity, of: EnrolOptions): Promise<Enrolment> => {
  const token = parseJoinToken(of.token)
  const parts = {
    token: `${token.id}.${token.secret}`,
    request: certificateRequest(identity.tlsKey, 'dunlin-agent'),
    sealingKey: spki(identity.sealingPublicKey),
  }
  const body: EnrolRequest = {
    format: 1,
    ...parts,
    signingKey: spki(identity.signingPublicKey),
    proof: Buffer.from(identity.signer.sign(enrolProof(parts))).toString('base64'),
    ...(of.nodeName === undefined ? {} : { nodeName: of.nodeName }),
    hostName: of.hostName,
    arch: of.arch,
    os: 'linux',
    labels: of.labels,
    ...(of.board === undefined ? {} : { board: of.board.slice(0, 64) }),
  }
  const { addresses, pin } = token
  const answer = await postToHub({ addresses, trust: { pin }, path: enrolPath, body, signal: of.signal })
  const membership = parseEnrolment(answer)
  await identity.join(membership, token.id)
  return membership
}

/**
 * Gets a new certificate for the same keys, at any time, also after the old one has ended, and learns where the hub is
 * now. Sent without a client certificate: an ended one would be refused before the request is read.
 *
 * @throws Fault Unavailable, Distrusted, Unauthorized (the node was removed), Machine (not joined)
 */
export const renew = async (identity: AgentIdentity, signal: AbortSignal): Promise<Enrolment> => {
  const { membership } = identity
  if (membership === undefined)
    throw new Fault('Machine', 'this device has not joined a hub, so there is nothing to renew')
  const body: RenewRequest = {
    format: 1,
    certificate: membership.certificate,
    request: certificateRequest(identity.tlsKey, 'dunlin-agent'),
  }
  const trust = { ca: membership.ca }
  const answer = await postToHub({ addresses: membership.api, trust, path: renewPath, body, signal })
  const said = parseEnrolment(answer)
  // Whoever holds the hub cannot open a device that joined without --allow-shell: only the device's own file can.
  const fresh = { ...said, allowShell: said.allowShell && membership.allowShell }
  await identity.join(fresh)
  return fresh
}

const spki = (key: { export(of: { type: 'spki'; format: 'der' }): Buffer }): string =>
  key.export({ type: 'spki', format: 'der' }).toString('base64')
