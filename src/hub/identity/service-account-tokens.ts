import { type KeyObject, sign, verify } from 'node:crypto'
import { Fault } from '../../api/fault.ts'
import { type Caller, groups } from './caller.ts'
import { parseRecord } from './parse-record.ts'

export interface ServiceAccountOrder {
  readonly namespace: string
  readonly name: string
  /** uid of the ServiceAccount: a token ends with the account. */
  readonly uid: string
  readonly audiences: readonly string[]
  /** Kubernetes takes at least 600; at most a year is given. */
  readonly expirationSeconds: number
}

/** Tokens of service accounts: JWT (RFC 7519) signed with the hub's Ed25519 key (RFC 8037), as TokenRequest gives them. */
export interface ServiceAccountTokens {
  /** @throws Fault Invalid */
  issue(order: ServiceAccountOrder): { readonly token: string; readonly expirationTimestamp: string }
  /** @throws Fault Unauthorized */
  verify(token: string): Caller
}

/** Who issues them, and the audience of tokens for the hub itself. */
export const issuer = 'https://kubernetes.default.svc'

const longestSeconds = 366 * 86_400
const mostLength = 4096

export const serviceAccountTokens = (of: {
  readonly signing: { readonly id: string; readonly privateKey: KeyObject; readonly publicKey: KeyObject }
  readonly now: () => number
  /** The uid of the account that is there now. */
  readonly uidOf: (namespace: string, name: string) => string | undefined
}): ServiceAccountTokens => ({
  issue(order) {
    if (!(order.expirationSeconds >= 600)) {
      const message = 'may not specify a duration less than 10 minutes'
      const field = 'spec.expirationSeconds'
      throw new Fault('Invalid', `${field}: Invalid value: ${order.expirationSeconds}: ${message}`, {
        causes: [{ reason: 'FieldValueInvalid', field, message }],
      })
    }
    const issued = Math.floor(of.now() / 1000)
    const expires = issued + Math.min(Math.floor(order.expirationSeconds), longestSeconds)
    const audiences = order.audiences.length === 0 ? [issuer] : order.audiences
    const body = {
      iss: issuer,
      sub: userOf(order.namespace, order.name),
      aud: audiences,
      exp: expires,
      iat: issued,
      nbf: issued,
      'kubernetes.io': {
        namespace: order.namespace,
        serviceaccount: { name: order.name, uid: order.uid },
      },
    }
    const signed = `${encode({ alg: 'EdDSA', kid: of.signing.id, typ: 'JWT' })}.${encode(body)}`
    const signature = sign(null, Buffer.from(signed), of.signing.privateKey).toString('base64url')
    return {
      token: `${signed}.${signature}`,
      expirationTimestamp: new Date(expires * 1000).toISOString().replace('.000Z', 'Z'),
    }
  },

  verify(token) {
    const claims = readClaims(token, of.signing)
    const seconds = of.now() / 1000
    const who = `the token of service account ${claims.namespace}/${claims.name}`
    if (seconds >= claims.expires)
      throw new Fault('Unauthorized', `${who} ended at ${new Date(claims.expires * 1000).toISOString()}`)
    if (!claims.audiences.includes(issuer))
      throw new Fault('Unauthorized', `${who} is for ${claims.audiences.join(', ').slice(0, 200)}, not for this hub`)
    if (of.uidOf(claims.namespace, claims.name) !== claims.uid)
      throw new Fault('Unauthorized', `${who} is void: the account was deleted`)
    return {
      user: userOf(claims.namespace, claims.name),
      groups: [groups.serviceAccounts, `${groups.serviceAccounts}:${claims.namespace}`, groups.authenticated],
      by: 'token',
      uid: claims.uid,
    }
  },
})

const userOf = (namespace: string, name: string): string => `system:serviceaccount:${namespace}:${name}`

const encode = (json: unknown): string => Buffer.from(JSON.stringify(json)).toString('base64url')

const readClaims = (token: string, signing: { readonly id: string; readonly publicKey: KeyObject }) => {
  const [head = '', body = '', signature = '', ...more] = token.length > mostLength ? [] : token.split('.')
  const isSigned =
    signature !== '' &&
    more.length === 0 &&
    verify(null, Buffer.from(`${head}.${body}`), signing.publicKey, Buffer.from(signature, 'base64url'))
  // The key alone decides: what the header says of algorithm and key is not looked at (RFC 8725 3.1).
  if (!isSigned) throw new Fault('Unauthorized', 'the bearer token was not issued by this hub')
  try {
    const json: unknown = JSON.parse(Buffer.from(body, 'base64url').toString('utf8'))
    const fields = parseRecord(json)
    const own = parseRecord(fields.member('kubernetes.io'))
    const account = parseRecord(own.member('serviceaccount'))
    return {
      audiences: fields.list('aud', String),
      expires: Number(fields.member('exp')),
      namespace: own.text('namespace'),
      name: account.text('name'),
      uid: account.text('uid'),
    }
  } catch (error) {
    throw new Fault('Unauthorized', 'the bearer token is not one of a service account', {}, error)
  }
}
