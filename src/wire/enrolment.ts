import { createPublicKey, type KeyObject } from 'node:crypto'
import { describeError, Fault } from '../api/fault.ts'

/**
 * What a device and the hub say to each other before there is an MQTT connection: joining with a token, and renewing
 * a certificate. JSON over HTTPS.
 */

/** A name in the hub's certificate that holds whatever address it is reached at: agents send and check this one. */
export const hubServerName = 'hub.dunlin.internal'

export const enrolPath = '/dunlin/v1/enrol'
export const renewPath = '/dunlin/v1/renew'
export const enrolCheckPath = `${enrolPath}/check`

/** Bound of both requests and both answers. */
export const mostEnrolmentBytes = 32 * 1024

/** device -> hub, POST to `enrolPath`, without a client certificate. */
export interface EnrolRequest {
  readonly format: 1
  /** `<id>.<secret>` of the join token. */
  readonly token: string
  /** Certificate request (PKCS #10, PEM) for the device's P-256 key. Its subject is not looked at. */
  readonly request: string
  /** Public keys as SubjectPublicKeyInfo, base64: Ed25519 for what goes up, X25519 for what comes down. */
  readonly signingKey: string
  readonly sealingKey: string
  /** Ed25519 over `enrolProof(…)`, base64: the three keys are of one device. */
  readonly proof: string
  /** Absent: host name and four hex digits of the key. */
  readonly nodeName?: string
  readonly hostName: string
  /** As Kubernetes names them: `arm64`, `arm`, `amd64`; `linux`. */
  readonly arch: string
  readonly os: string
  readonly labels: { readonly [key: string]: string }
  /** Serial of the board itself, where it has one: so that a card that moves to another is noticed. */
  readonly board?: string
}

/** hub -> device: all that it needs from now on. */
export interface Enrolment {
  readonly format: 1
  readonly fleet: string
  readonly node: { readonly name: string; readonly uid: string }
  /** The node's client certificate and the hub's CA, PEM. */
  readonly certificate: string
  readonly ca: string
  /** Ed25519 keys that sign what the hub sends, SubjectPublicKeyInfo in base64. */
  readonly signingKeys: readonly string[]
  /** Addresses of the HTTPS and MQTT doors, `host:port`, in the order to try. */
  readonly api: readonly string[]
  readonly mqtt: readonly string[]
  /** Whether the hub's admins may open a shell on the device itself. */
  readonly allowShell: boolean
  /** RFC 3339 */
  readonly hubTime: string
}

/**
 * device -> hub, POST to `renewPath`, at any time and after the certificate has ended: the request is signed by the
 * key of the certificate, which is the proof. Answered with an Enrolment.
 */
export interface RenewRequest {
  readonly format: 1
  readonly certificate: string
  readonly request: string
}

/** device -> hub, POST to `enrolCheckPath`, without a client certificate: would this be taken? It changes nothing. */
export interface EnrolCheck {
  readonly format: 1
  /** `<id>.<secret>` of a join token, or the certificate that a device was given, PEM. */
  readonly token?: string
  readonly certificate?: string
}

/** hub -> device: it would. */
export interface EnrolChecked {
  readonly format: 1
  /** RFC 3339 */
  readonly hubTime: string
  /** The node that it is for, where it is for one. */
  readonly node?: string
  /** Of the token, RFC 3339. */
  readonly expires?: string
}

/** The bytes that `EnrolRequest.proof` signs. */
export const enrolProof = (of: Pick<EnrolRequest, 'token' | 'request' | 'sealingKey'>): Buffer =>
  Buffer.from(['dunlin enrol 1', of.token, of.request, of.sealingKey].join('\0'))

/** @throws Fault Malformed */
export const parseEnrolRequest = (body: Uint8Array): EnrolRequest => {
  const fields = parseFields(body, 'the enrolment request')
  const nodeName = fields.optional('nodeName', 64)
  const board = fields.optional('board', 64)
  return {
    format: fields.format(),
    token: fields.text('token', 64),
    request: fields.text('request', 4096),
    signingKey: fields.text('signingKey', 128),
    sealingKey: fields.text('sealingKey', 128),
    proof: fields.text('proof', 128),
    ...(nodeName === undefined ? {} : { nodeName }),
    hostName: fields.text('hostName', 255),
    arch: fields.text('arch', 32),
    os: fields.text('os', 32),
    labels: fields.texts('labels', 32),
    ...(board === undefined ? {} : { board }),
  }
}

/** @throws Fault Malformed */
export const parseRenewRequest = (body: Uint8Array): RenewRequest => {
  const fields = parseFields(body, 'the renewal request')
  return {
    format: fields.format(),
    certificate: fields.text('certificate', 4096),
    request: fields.text('request', 4096),
  }
}

/** @throws Fault Malformed */
export const parseEnrolCheck = (body: Uint8Array): EnrolCheck => {
  const fields = parseFields(body, 'the question about a membership')
  const [token, certificate] = [fields.optional('token', 64), fields.optional('certificate', 8192)]
  return {
    format: fields.format(),
    ...(token === undefined ? {} : { token }),
    ...(certificate === undefined ? {} : { certificate }),
  }
}

/** @throws Fault Malformed */
export const parseEnrolChecked = (body: Uint8Array): EnrolChecked => {
  const fields = parseFields(body, "the hub's answer")
  const [node, expires] = [fields.optional('node', 64), fields.optional('expires', 64)]
  return {
    format: fields.format(),
    hubTime: fields.text('hubTime', 64),
    ...(node === undefined ? {} : { node }),
    ...(expires === undefined ? {} : { expires }),
  }
}

/** @throws Fault Malformed */
export const parseEnrolment = (body: Uint8Array): Enrolment => {
  const fields = parseFields(body, "the hub's answer")
  const format = fields.format()
  const node = fields.texts('node', 2)
  return {
    format,
    fleet: fields.text('fleet', 10),
    node: { name: node['name'] ?? '', uid: node['uid'] ?? '' },
    certificate: fields.text('certificate', 8192),
    ca: fields.text('ca', 8192),
    signingKeys: fields.list('signingKeys', 8),
    api: fields.list('api', 8),
    mqtt: fields.list('mqtt', 8),
    allowShell: fields.flag('allowShell'),
    hubTime: fields.text('hubTime', 64),
  }
}

/**
 * A public key from SubjectPublicKeyInfo in base64.
 *
 * @throws Fault Malformed when it is no key of that type
 */
export const parsePublicKey = (base64: string, type: 'ed25519' | 'x25519'): KeyObject => {
  try {
    const key = createPublicKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'spki' })
    if (key.asymmetricKeyType === type) return key
    throw new RangeError(`found a key of type ${key.asymmetricKeyType}`)
  } catch (error) {
    throw new Fault('Malformed', `not a public key of type ${type}: ${describeError(error)}`, {}, error)
  }
}

/** Reads the members of one JSON object, each with its bound; says which is wrong. */
const parseFields = (body: Uint8Array, what: string) => {
  const wrong = (text: string, cause?: unknown) => new Fault('Malformed', `${what} ${text}`, {}, cause)
  if (body.length > mostEnrolmentBytes) throw wrong(`has ${body.length} bytes; at most ${mostEnrolmentBytes} are read`)
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(body).toString('utf8'))
  } catch (error) {
    throw wrong('is not JSON', error)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong('is not a JSON object')
  const members = new Map<string, unknown>(Object.entries(value))

  const text = (name: string, most: number): string => {
    const found = members.get(name)
    if (typeof found === 'string' && found.length <= most) return found
    throw wrong(`has no "${name}" that is a text of at most ${most} characters`)
  }
  return {
    format: (): 1 => {
      if (members.get('format') === 1) return 1
      throw wrong(`is of format ${JSON.stringify(members.get('format'))}; expected 1`)
    },
    text,
    optional: (name: string, most: number) => (members.get(name) === undefined ? undefined : text(name, most)),
    flag: (name: string): boolean => {
      const found = members.get(name)
      if (typeof found === 'boolean') return found
      throw wrong(`has no "${name}" that is true or false`)
    },
    list: (name: string, most: number): readonly string[] => {
      const found = members.get(name)
      if (Array.isArray(found) && found.length <= most && found.every(one => typeof one === 'string')) return found
      throw wrong(`has no "${name}" that is a list of at most ${most} texts`)
    },
    texts: (name: string, most: number): { readonly [key: string]: string } => {
      const found: unknown = members.get(name)
      const entries =
        typeof found === 'object' && found !== null && !Array.isArray(found) ? Object.entries(found) : undefined
      if (entries !== undefined && entries.length <= most && entries.every(([, one]) => typeof one === 'string'))
        return Object.fromEntries(entries)
      throw wrong(`has no "${name}" that is an object of at most ${most} texts`)
    },
  }
}
