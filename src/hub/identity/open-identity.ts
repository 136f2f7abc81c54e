import { Fault } from '../../api/fault.ts'
import type { ServiceAccount } from '../../api/types.ts'
import type { Log } from '../../lib/log.ts'
import {
  type EnrolCheck,
  type EnrolChecked,
  type Enrolment,
  type EnrolRequest,
  parsePublicKey,
  type RenewRequest,
} from '../../wire/enrolment.ts'
import type { Objects } from '../objects.ts'
import type { Store } from '../store/store.ts'
import { authenticator } from './authenticate.ts'
import { groups, nodeUser } from './caller.ts'
import { checkMembership } from './check-membership.ts'
import { type Enroller, enrolNode } from './enrol-node.ts'
import type { Identity, NodeIdentity } from './identity.ts'
import { type JoinTokens, openJoinTokens } from './join-tokens.ts'
import type { HubKeys } from './keys.ts'
import { nodeKeeper } from './node-keeper.ts'
import { keyHashOf, type NodeRecord, openNodeRegister, recordFromCertificate } from './node-register.ts'
import { removeNode } from './remove-node.ts'
import { renewNode } from './renew-node.ts'
import { serviceAccountTokens } from './service-account-tokens.ts'
import { openUserCertificates, type UserCertificates } from './user-certificates.ts'

export interface OpenIdentityOptions {
  readonly keys: HubKeys
  readonly store: Store
  readonly objects: Objects
  readonly now: () => number
  readonly randomBytes: (size: number) => Uint8Array
  readonly log: Log
  /** Where nodes and users reach the HTTPS door and the MQTT door: `host:port`, in the order to try. */
  readonly api: () => readonly string[]
  readonly mqtt: () => readonly string[]
}

/** All of identity, for the doors of identity itself; other parts see `Identity`. */
export interface WholeIdentity extends Identity {
  readonly tokens: JoinTokens
  readonly users: UserCertificates
  enrol(request: EnrolRequest): Promise<Enrolment>
  renew(request: RenewRequest): Promise<Enrolment>
  /** Whether a token or a certificate would be taken. @throws Fault Unauthorized that says why not */
  check(check: EnrolCheck): EnrolChecked
  removeNode(name: string): Promise<void>
  /** Ends when all that was begun on the side is done. */
  close(): Promise<void>
}

/**
 * Identity on top of keys and store: reads tokens, nodes and revocations into memory.
 *
 * @throws Fault Malformed when a record cannot be read
 */
export const openIdentity = async (of: OpenIdentityOptions): Promise<WholeIdentity> => {
  const register = await openNodeRegister(of.store)
  const tokens = await openJoinTokens({ ...of, pin: of.keys.ca.pin, addresses: of.api })
  const listeners = new Set<(user: string) => void>()
  const shutOut = (user: string): void => {
    for (const tell of listeners) tell(user)
  }
  const hub: Enroller = { ...of, register, tokens, shutOut }
  const users = await openUserCertificates({ ...of, register, shutOut })
  const serviceAccounts = serviceAccountTokens({
    signing: of.keys.signing,
    now: of.now,
    uidOf: (namespace, name) => of.objects.get<ServiceAccount>('ServiceAccount', { namespace, name })?.metadata.uid,
  })
  const { authenticate } = authenticator({ ca: of.keys.ca.certificate, now: of.now, register, serviceAccounts })
  const keeper = nodeKeeper(of, register)
  const identities = nodeIdentities()

  return {
    tokens,
    users,
    serviceAccounts,
    authenticate(socket, headers = {}) {
      const caller = authenticate(socket, headers)
      const certificate = socket.getPeerX509Certificate()
      if (certificate === undefined || !caller.groups.includes(groups.nodes)) return caller
      const name = caller.user.slice(nodeUser('').length)
      const record = register.nodes.get(name) ?? recordFromCertificate(certificate, name, of.now())
      if (record !== undefined && record.keyHash !== keyHashOf(certificate.publicKey))
        throw new Fault('Unauthorized', `node "${name}" is another board's now (joined ${record.joined})`)
      if (record !== undefined) keeper.keep(record)
      return caller
    },
    node(name) {
      const record = register.nodes.get(name) ?? keeper.underWay(name)
      return record === undefined ? undefined : identities(record)
    },
    nodes: () => register.nodes.list().map(identities),
    isRevoked: fingerprint => register.revoked.get(fingerprint) !== undefined,
    onShutOut(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    enrol: request => enrolNode(request, hub),
    renew: request => renewNode(request, hub),
    check: check => checkMembership(check, hub),
    async removeNode(name) {
      await keeper.idle()
      await removeNode(name, hub)
    },
    close: () => keeper.idle(),
  }
}

/** Keys are parsed once for each record. */
const nodeIdentities = () => {
  const parsed = new WeakMap<NodeRecord, NodeIdentity>()
  return (record: NodeRecord): NodeIdentity => {
    const there = parsed.get(record)
    if (there !== undefined) return there
    const made: NodeIdentity = {
      name: record.name,
      uid: record.uid,
      signingKey: parsePublicKey(record.signingKey, 'ed25519'),
      sealingKey: parsePublicKey(record.sealingKey, 'x25519'),
      allowShell: record.allowShell,
    }
    parsed.set(record, made)
    return made
  }
}
