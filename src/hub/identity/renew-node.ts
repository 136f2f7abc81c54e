import { X509Certificate } from 'node:crypto'
import { Fault } from '../../api/fault.ts'
import type { Enrolment, RenewRequest } from '../../wire/enrolment.ts'
import { groups, nodeUser } from './caller.ts'
import { fingerprintOf, isIssuedBy, readCertificateRequest } from './certificates.ts'
import { answer, type Enroller, nodeCertificateDays } from './enrol-node.ts'
import { makeNode, nodeObject } from './node-object.ts'
import { keyHashOf, type NodeRecord, nodeUris, recordFromCertificate, withCertificate } from './node-register.ts'
import { commitRecords } from './records.ts'
import { subjectOf } from './subject.ts'

const day = 86_400_000

/**
 * A new certificate for a node, at any time and long after the old one has ended: the request must be signed by the
 * key of the old certificate. A node that this hub does not know (any more) is taken back, unless it was revoked.
 *
 * @throws Fault Malformed, Distrusted, Unauthorized (revoked, not a node, another board has the name)
 */
export const renewNode = async (request: RenewRequest, hub: Enroller): Promise<Enrolment> => {
  const key = readCertificateRequest(request.request)
  const old = parseCertificate(request.certificate)
  if (!isIssuedBy(old, hub.keys.ca.certificate))
    throw new Fault(
      'Unauthorized',
      'the certificate to renew was not issued by the CA of this fleet; join with a new token',
    )
  const keyHash = keyHashOf(key)
  if (keyHashOf(old.publicKey) !== keyHash)
    throw new Fault('Distrusted', 'the renewal is not signed by the key of the certificate to renew')
  const { user, organizations } = subjectOf(old)
  const name = user.slice(nodeUser('').length)
  if (!organizations.includes(groups.nodes) || user !== nodeUser(name))
    throw new Fault('Unauthorized', `the certificate to renew is of "${user}", not of a node`)
  const record = hub.register.nodes.get(name) ?? recordFromCertificate(old, name, hub.now())
  if (record === undefined)
    throw new Fault('Unauthorized', `the certificate of node "${name}" does not say its keys; join with a new token`)

  const certificate = hub.keys.issueClient({
    name: user,
    groups: [groups.nodes],
    publicKey: key,
    notAfter: new Date(hub.now() + nodeCertificateDays * day),
    uris: nodeUris(record),
  })
  await commitRecords(hub.store, () => {
    checkMayRenew(old, name, keyHash, hub)
    const now = hub.register.nodes.get(name) ?? record
    return { changes: [hub.register.nodes.put(name, withCertificate(now, certificate))], result: undefined }
  })
  if (hub.objects.get('Node', { namespace: '', name }) === undefined)
    await makeNode(hub.objects, nodeObject(name, record.labels))
  hub.log.info('a node renewed its certificate', { node: name })
  return answer(hub, record, certificate)
}

/** @throws Fault Unauthorized that says why a node's certificate counts no more */
export const checkMayRenew = (
  old: X509Certificate,
  name: string,
  keyHash: string,
  hub: Pick<Enroller, 'register'>,
): void => {
  const revoked = hub.register.revocationOf(fingerprintOf(old), keyHash)
  if (revoked !== undefined)
    throw new Fault('Unauthorized', `the certificate of node "${name}" was revoked at ${revoked.at}: ${revoked.why}`)
  const record: NodeRecord | undefined = hub.register.nodes.get(name)
  if (record !== undefined && record.keyHash !== keyHash)
    throw new Fault('Unauthorized', `node "${name}" is another board's now (joined ${record.joined})`)
}

const parseCertificate = (pem: string): X509Certificate => {
  try {
    return new X509Certificate(pem)
  } catch (error) {
    throw new Fault('Malformed', 'the certificate to renew cannot be read', {}, error)
  }
}
