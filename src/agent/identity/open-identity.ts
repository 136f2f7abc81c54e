import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { describeError, Fault } from '../../api/fault.ts'
import { readIfThere, writeDurably } from '../../lib/durable-file.ts'
import { type Enrolment, hubServerName, parseEnrolment, parsePublicKey } from '../../wire/enrolment.ts'
import { type Signer, signerOf } from '../../wire/envelope.ts'
import { keyId } from '../../wire/envelope-header.ts'
import { openSealed } from '../../wire/seal.ts'
import type { LinkIdentity } from '../link/link-identity.ts'

/** Who this device is: three keys that never leave it, and what the hub told it when it joined. */
export interface AgentIdentity {
  /** P-256, for TLS. */
  readonly tlsKey: KeyObject
  /** Ed25519: signs all that goes up. */
  readonly signer: Signer
  readonly signingPublicKey: KeyObject
  readonly sealingPublicKey: KeyObject
  /** undefined until the device has joined. */
  readonly membership: Enrolment | undefined
  /** Opens what the hub sealed to this device. @throws Fault Malformed, Distrusted */
  openSealed(sealed: Uint8Array, context: Uint8Array): Buffer
  /** The hub's Ed25519 key of that id, where it is trusted. */
  hubKey(id: string): KeyObject | undefined
  /**
   * For every TLS connection to the hub, whatever its address: the pinned CA and a fixed name are checked, and dates
   * that hold from 1970 to 9999. @throws Fault Machine when the device has not joined
   */
  tls(): { readonly ca: string; readonly cert: string; readonly key: string; readonly servername: string }
  /** What the link to the hub needs. @throws Fault Machine when the device has not joined */
  link(): LinkIdentity
  /** Whether the certificate should be renewed: a third of its year or less is left. `now` in ms. */
  isRenewalDue(now: number): boolean
  /** Id of the join token that it joined with, where it is known. */
  readonly tokenId: string | undefined
  /**
   * Keeps what the hub said, and with which token. Durable when it resolves.
   * @throws Fault Distrusted when it is not for our key
   */
  join(membership: Enrolment, tokenId?: string): Promise<void>
}

const day = 86_400_000
const renewDays = 120

/**
 * Opens the device's identity below `stateFolder`, and makes its keys where there are none: durable before anybody
 * hears of them, so that joining again after a power cut is the same device.
 *
 * @throws Fault Machine when the folder cannot be used or holds something else
 * @example const identity = await openIdentity({ stateFolder: '/var/lib/dunlin/agent' })
 */
export const openIdentity = async (of: { readonly stateFolder: string }): Promise<AgentIdentity> => {
  const folder = join(of.stateFolder, 'identity')
  const tlsKey = await openKey(join(folder, 'tls.key'), 'ec')
  const signingKey = await openKey(join(folder, 'signing.key'), 'ed25519')
  const sealingKey = await openKey(join(folder, 'sealing.key'), 'x25519')
  const membershipPath = join(folder, 'membership.json')
  let { membership, tokenId } = await readMembership(membershipPath)
  let hubKeys = keysOf(membership)
  const signingPublicKey = createPublicKey(signingKey)
  const keyPem = tlsKey.export({ type: 'pkcs8', format: 'pem' }).toString()

  const signer = signerOf(keyId(signingPublicKey), signingKey)
  const open = (sealed: Uint8Array, context: Uint8Array) => openSealed(sealingKey, sealed, context)

  // Asked anew for each message: a renewal may bring other keys.
  const hubKey = (id: string) => hubKeys.get(id)

  return {
    tlsKey,
    signer,
    signingPublicKey,
    sealingPublicKey: createPublicKey(sealingKey),
    get membership() {
      return membership
    },
    openSealed: open,
    hubKey,
    tls() {
      if (membership === undefined) throw notJoined()
      return { ca: membership.ca, cert: membership.certificate, key: keyPem, servername: hubServerName }
    },
    link() {
      if (membership === undefined) throw notJoined()
      const { node, fleet } = membership
      return { node: node.name, uid: node.uid, fleetId: fleet, signer, hubKey, openSealed: open }
    },
    isRenewalDue(now) {
      if (membership === undefined) return false
      return Date.parse(new X509Certificate(membership.certificate).validTo) - now < renewDays * day
    },
    get tokenId() {
      return tokenId
    },
    async join(fresh, freshTokenId = tokenId) {
      if (!new X509Certificate(fresh.certificate).checkPrivateKey(tlsKey))
        throw new Fault('Distrusted', 'the hub answered with a certificate for another key than ours')
      const keys = keysOf(fresh)
      await writeDurably(membershipPath, `${JSON.stringify({ ...fresh, tokenId: freshTokenId }, undefined, 2)}\n`)
      membership = fresh
      tokenId = freshTokenId
      hubKeys = keys
    },
  }
}

const notJoined = (): Fault =>
  new Fault('Machine', 'this device has not joined a hub; give it a join token: dunlin agent --join-token TOKEN')

const openKey = async (path: string, type: 'ec' | 'ed25519' | 'x25519'): Promise<KeyObject> => {
  try {
    const there = await readIfThere(path)
    const pem = there?.toString('utf8') ?? makeKey(type)
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType !== type)
      throw new RangeError(`found a key of type ${key.asymmetricKeyType}, not ${type}`)
    if (there === undefined) await writeDurably(path, pem)
    return key
  } catch (error) {
    throw new Fault('Machine', `the device's key ${path} cannot be used: ${describeError(error)}`, { path }, error)
  }
}

/** PEM at once: a fresh key exported as JWK can hang Node 20. */
const makeKey = (type: 'ec' | 'ed25519' | 'x25519'): string => {
  const privateKeyEncoding = { type: 'pkcs8', format: 'pem' } as const
  const publicKeyEncoding = { type: 'spki', format: 'pem' } as const
  if (type === 'ec')
    return generateKeyPairSync('ec', { namedCurve: 'P-256', publicKeyEncoding, privateKeyEncoding }).privateKey
  if (type === 'ed25519') return generateKeyPairSync('ed25519', { publicKeyEncoding, privateKeyEncoding }).privateKey
  return generateKeyPairSync('x25519', { publicKeyEncoding, privateKeyEncoding }).privateKey
}

interface Kept {
  readonly membership: Enrolment | undefined
  readonly tokenId: string | undefined
}

const readMembership = async (path: string): Promise<Kept> => {
  try {
    const bytes = await readIfThere(path)
    if (bytes === undefined) return { membership: undefined, tokenId: undefined }
    const membership = parseEnrolment(bytes)
    const json: unknown = JSON.parse(bytes.toString('utf8'))
    const tokenId = typeof json === 'object' && json !== null && 'tokenId' in json ? String(json.tokenId) : undefined
    return { membership, tokenId }
  } catch (error) {
    throw new Fault(
      'Machine',
      `${path} cannot be read: ${describeError(error)}; delete it and join with a new token (--replace)`,
      { path },
      error,
    )
  }
}

const keysOf = (membership: Enrolment | undefined): ReadonlyMap<string, KeyObject> =>
  new Map(
    (membership?.signingKeys ?? []).map(base64 => {
      const key = parsePublicKey(base64, 'ed25519')
      return [keyId(key), key] as const
    }),
  )
