import { createHash, X509Certificate } from 'node:crypto'
import { request } from 'node:https'
import { connect } from 'node:tls'
import { describeError, Fault, type FaultReason } from '../../api/fault.ts'
import { hubServerName, mostEnrolmentBytes } from '../../wire/enrolment.ts'
import { parseAddress } from '../../wire/join-token.ts'

/** How the hub's CA is known: by the certificate itself, or by the SHA-256 of its public key from a join token. */
export type HubTrust = { readonly ca: string } | { readonly pin: string }

const timeoutMs = 30_000

/**
 * POSTs JSON to the hub over TLS that is trusted by its own CA alone, never by the system's, and whatever the date of
 * this machine. Tries the addresses in turn until one answers.
 *
 * @throws Fault Unavailable when none answers; Distrusted when what answers is not that hub; else what the hub said
 * @example await postToHub({ addresses: token.addresses, trust: { pin: token.pin }, path: enrolPath, body, signal })
 */
export const postToHub = async (of: {
  readonly addresses: readonly string[]
  readonly trust: HubTrust
  readonly path: string
  readonly body: unknown
  readonly signal: AbortSignal
}): Promise<Buffer> => {
  const failures: unknown[] = []
  for (const address of of.addresses) {
    const place = parseAddress(address)
    if (place === undefined) continue
    try {
      const ca = 'ca' in of.trust ? of.trust.ca : await fetchAuthority(place, of.trust.pin, of.signal)
      return await post(place, ca, of.path, JSON.stringify(of.body), of.signal)
    } catch (error) {
      if (of.signal.aborted) throw error
      // The hub has spoken: another address of it will say the same.
      if (error instanceof Fault && error.reason !== 'Unavailable' && error.reason !== 'Distrusted') throw error
      failures.push(new Fault('Unavailable', `${address}: ${describeError(error)}`, {}, error))
    }
  }
  const distrusted = failures.find(
    one => one instanceof Fault && one.cause instanceof Fault && one.cause.reason === 'Distrusted',
  )
  throw new Fault(
    distrusted === undefined ? 'Unavailable' : 'Distrusted',
    `the hub cannot be reached: ${failures.map(one => (one instanceof Error ? one.message : String(one))).join('; ') || 'no address is known'}`,
    { addresses: of.addresses },
    failures[0],
  )
}

interface Place {
  readonly host: string
  readonly port: number
}

/** The CA certificate that the server shows, once its public key is the pinned one. */
const fetchAuthority = async (place: Place, pin: string, signal: AbortSignal): Promise<string> => {
  const chain = await new Promise<readonly Buffer[]>((resolve, reject) => {
    // Nothing is sent on this connection: it is judged by the pin, and the next one by the CA found here.
    const socket = connect({ ...place, servername: hubServerName, rejectUnauthorized: false, timeout: timeoutMs })
    const end = () => socket.destroy()
    signal.addEventListener('abort', end, { once: true })
    socket.once('timeout', () => socket.destroy(new Error(`no TLS handshake within ${timeoutMs / 1000} s`)))
    socket.once('error', reject)
    socket.once('close', () => {
      signal.removeEventListener('abort', end)
      reject(new Error('the connection was closed before the TLS handshake ended'))
    })
    socket.once('secureConnect', () => {
      const shown: Buffer[] = []
      for (
        let at = socket.getPeerCertificate(true);
        at?.raw !== undefined && shown.length < 8 && !shown.some(one => one.equals(at.raw));
        at = at.issuerCertificate
      )
        shown.push(at.raw)
      resolve(shown)
      socket.destroy()
    })
  })
  const certificates = chain.map(raw => new X509Certificate(raw))
  const authority = certificates.find(one => pinOf(one) === pin)
  if (authority !== undefined) return authority.toString()
  throw new Fault(
    'Distrusted',
    `the server is not the hub of this join token: it shows a CA with pin ${certificates.map(pinOf).at(-1) ?? 'none'}, the token says ${pin}`,
  )
}

/** SHA-256 of the certificate's public key, base64url: what a join token pins. */
export const pinOf = (certificate: X509Certificate): string =>
  createHash('sha256')
    .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url')

const post = (place: Place, ca: string, path: string, body: string, signal: AbortSignal): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const target = { ...place, path, method: 'POST', servername: hubServerName, ca, headers, signal, agent: false }
    const call = request({ ...target, timeout: timeoutMs }, answer => {
      const chunks: Buffer[] = []
      let length = 0
      answer.on('data', (chunk: Buffer) => {
        length += chunk.length
        if (length > mostEnrolmentBytes) answer.destroy(new Error(`an answer above ${mostEnrolmentBytes} bytes`))
        else chunks.push(chunk)
      })
      answer.once('error', reject)
      answer.once('end', () => {
        const bytes = Buffer.concat(chunks)
        if (answer.statusCode === 200 || answer.statusCode === 201) resolve(bytes)
        else reject(refusalOf(answer.statusCode ?? 0, bytes))
      })
    })
    call.once('timeout', () => call.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)))
    call.once('error', reject)
    call.end(body)
  })

const reasons: { readonly [status: number]: FaultReason } = {
  400: 'Malformed',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  422: 'Invalid',
}

const refusalOf = (status: number, body: Buffer): Fault => {
  let said = ''
  try {
    const json: unknown = JSON.parse(body.toString('utf8'))
    if (typeof json === 'object' && json !== null && 'message' in json) said = String(json.message).slice(0, 500)
  } catch {
    said = 'with an answer that is not JSON'
  }
  return new Fault(reasons[status] ?? 'Unavailable', `the hub refused (${status}): ${said}`, { status })
}
