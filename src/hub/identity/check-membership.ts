import { X509Certificate } from 'node:crypto'
import { Fault } from '../../api/fault.ts'
import type { EnrolCheck, EnrolChecked } from '../../wire/enrolment.ts'
import { groups, nodeUser } from './caller.ts'
import { isIssuedBy } from './certificates.ts'
import type { Enroller } from './enrol-node.ts'
import { keyHashOf } from './node-register.ts'
import { checkMayRenew } from './renew-node.ts'
import { subjectOf } from './subject.ts'

/**
 * What a device may expect of this hub, before it does anything: whether its token would be taken, or its certificate
 * renewed. Changes nothing. Both are said only to who holds them: the token is the secret, and the certificate is asked
 * for by its bytes.
 *
 * @throws Fault Unauthorized that says why not; Malformed
 */
export const checkMembership = (
  check: EnrolCheck,
  hub: Pick<Enroller, 'tokens' | 'register' | 'keys' | 'now'>,
): EnrolChecked => {
  const hubTime = new Date(hub.now()).toISOString()
  if (check.token !== undefined) {
    const { node, expires } = hub.tokens.check(check.token, '')
    return { format: 1, hubTime, expires, ...(node === undefined ? {} : { node }) }
  }
  const certificate = certificateIn(check.certificate ?? '')
  if (!isIssuedBy(certificate, hub.keys.ca.certificate))
    throw new Fault('Unauthorized', 'the certificate was not issued by the CA of this fleet')
  const { user, organizations } = subjectOf(certificate)
  const node = user.slice(nodeUser('').length)
  if (!organizations.includes(groups.nodes) || user !== nodeUser(node))
    throw new Fault('Unauthorized', `the certificate is of "${user}", not of a node`)
  checkMayRenew(certificate, node, keyHashOf(certificate.publicKey), hub)
  return { format: 1, hubTime, node }
}

const certificateIn = (pem: string): X509Certificate => {
  try {
    return new X509Certificate(pem)
  } catch (error) {
    throw new Fault('Malformed', 'the certificate to check cannot be read', {}, error)
  }
}
