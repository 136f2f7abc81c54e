import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import { der } from '../../lib/der.ts'

const ecdsaWithSha256 = '1.2.840.10045.4.3.2'
const commonName = '2.5.4.3'

/**
 * A certificate request (PKCS #10, RFC 2986) for a P-256 key, as PEM. The hub chooses the subject itself: the name
 * here is for people who read the request.
 *
 * @example certificateRequest(tlsKey, 'dunlin-agent') // '-----BEGIN CERTIFICATE REQUEST-----…'
 */
export const certificateRequest = (privateKey: KeyObject, name: string): string => {
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  const subject = der.sequence(der.set(der.sequence(der.oid(commonName), der.utf8(name))))
  const body = der.sequence(der.integer(0), subject, spki, der.tagged(0))
  const signature = sign('sha256', body, privateKey)
  const bytes = der.sequence(body, der.sequence(der.oid(ecdsaWithSha256)), der.bits(signature))
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join('\n')}\n-----END CERTIFICATE REQUEST-----\n`
}
