import { verify } from 'node:crypto'
import { Fault } from '../../api/fault.ts'
import { labelValue, qualifiedName } from '../../api/names.ts'
import type { Node } from '../../api/types.ts'
import { withBoard } from '../../core/nodes/board-change.ts'
import { joiningLabels } from '../../core/nodes/joining-labels.ts'
import type { Log } from '../../lib/log.ts'
import { type Enrolment, type EnrolRequest, enrolProof, parsePublicKey } from '../../wire/enrolment.ts'
import type { Objects } from '../objects.ts'
import type { Store } from '../store/store.ts'
import { groups, nodeUser } from './caller.ts'
import { readCertificateRequest } from './certificates.ts'
import type { JoinTokens, TokenRecord } from './join-tokens.ts'
import type { HubKeys } from './keys.ts'
import { nameFromHost, nodeNameWrong } from './node-name.ts'
import { makeNode, nodeObject } from './node-object.ts'
import {
  keyHashOf,
  keyRevocation,
  type NodeRecord,
  type NodeRegister,
  nodeUris,
  withCertificate,
} from './node-register.ts'
import { commitRecords, type RecordChange } from './records.ts'
import { shutOutChanges } from './remove-node.ts'

export interface Enroller {
  readonly keys: HubKeys
  readonly store: Store
  readonly objects: Objects
  readonly register: NodeRegister
  readonly tokens: JoinTokens
  readonly now: () => number
  readonly log: Log
  /** Where nodes reach the hub. */
  readonly api: () => readonly string[]
  readonly mqtt: () => readonly string[]
  /** Called when the board that had the name so far is shut out. */
  readonly shutOut: (user: string) => void
}

const day = 86_400_000
export const nodeCertificateDays = 365

/**
 * Lets a device join: checks token, keys and name, makes its Node object, and gives it a certificate for one year.
 * The same device may ask again with the same token, for its answer may have been lost.
 *
 * @throws Fault Unauthorized (token), Distrusted (proofs), Forbidden (name), Malformed, Invalid
 */
export const enrolNode = async (request: EnrolRequest, hub: Enroller): Promise<Enrolment> => {
  hub.tokens.checkSecret(request.token)
  const key = readCertificateRequest(request.request)
  const signingKey = parsePublicKey(request.signingKey, 'ed25519')
  parsePublicKey(request.sealingKey, 'x25519')
  if (!verify(null, enrolProof(request), signingKey, Buffer.from(request.proof, 'base64')))
    throw new Fault('Distrusted', 'the enrolment request is not signed by the signing key that it names')
  const keyHash = keyHashOf(key)
  const token = hub.tokens.check(request.token, keyHash)
  const name = nameFor(request, token, keyHash)
  checkFree(name, keyHash, token, hub)

  const record = hub.register.nodes.get(name)
  const joining = {
    isSameBoard: record === undefined || record.keyHash === keyHash,
    device: checkedLabels(request.labels),
    token: token.labels,
    fixed: {
      'kubernetes.io/hostname': name,
      'kubernetes.io/arch': request.arch,
      'kubernetes.io/os': request.os,
    },
  }
  const node = await joinedNode(hub.objects, { name, joining, known: record?.labels, board: request.board })
  const labels = node.metadata.labels ?? {}
  const facts = {
    uid: node.metadata.uid ?? '',
    signingKey: request.signingKey,
    sealingKey: request.sealingKey,
    allowShell: token.allowShell,
  }
  const certificate = hub.keys.issueClient({
    name: nodeUser(name),
    groups: [groups.nodes],
    publicKey: key,
    notAfter: new Date(hub.now() + nodeCertificateDays * day),
    uris: nodeUris(facts),
  })
  const replaced = await commitRecords(hub.store, () => {
    const fresh = hub.tokens.check(request.token, keyHash)
    const before = checkFree(name, keyHash, fresh, hub)
    const isSameBoard = before?.keyHash === keyHash
    const fact: NodeRecord = {
      format: 1,
      name,
      ...facts,
      keyHash,
      labels,
      joined: new Date(hub.now()).toISOString(),
      certificates: isSameBoard ? before.certificates : [],
    }
    const changes: readonly RecordChange[] = [
      hub.tokens.use(fresh, name, keyHash),
      hub.register.nodes.put(name, withCertificate(fact, certificate)),
      ...(before === undefined || isSameBoard
        ? []
        : shutOutChanges(before, movedWhy(request.board), hub.register, hub.now())),
      // A removed board that joins again with a new token is welcome; its old certificates stay revoked.
      ...(hub.register.revoked.get(keyRevocation(keyHash)) === undefined
        ? []
        : [hub.register.revoked.remove(keyRevocation(keyHash))]),
    ]
    return { changes, result: before !== undefined && !isSameBoard }
  })
  if (replaced) hub.shutOut(nodeUser(name))
  hub.log.info('a node joined', { node: name, uid: facts.uid, token: token.id, replaced })
  return answer(hub, { name, uid: facts.uid, allowShell: token.allowShell }, certificate)
}

/** What a node is told when it joins and whenever it renews. */
export const answer = (
  hub: Pick<Enroller, 'keys' | 'api' | 'mqtt' | 'now'>,
  node: { readonly name: string; readonly uid: string; readonly allowShell: boolean },
  certificate: string,
): Enrolment => ({
  format: 1,
  fleet: hub.keys.fleet,
  node: { name: node.name, uid: node.uid },
  certificate,
  ca: hub.keys.ca.pem,
  signingKeys: [hub.keys.signing.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')],
  api: hub.api(),
  mqtt: hub.mqtt(),
  allowShell: node.allowShell,
  hubTime: new Date(hub.now()).toISOString(),
})

const nameFor = (request: EnrolRequest, token: TokenRecord, keyHash: string): string => {
  const { nodeName } = request
  if (token.node !== undefined && nodeName !== undefined && nodeName !== token.node)
    throw new Fault(
      'Forbidden',
      `join token "${token.id}" is for node "${token.node}"; the device asks for "${nodeName.slice(0, 80)}"`,
    )
  const name = token.node ?? nodeName ?? nameFromHost(request.hostName, keyHash)
  const why = nodeNameWrong(name)
  if (why !== undefined) throw new Fault('Invalid', why)
  if (token.used !== undefined && token.used.node !== name)
    throw new Fault('Forbidden', `join token "${token.id}" was used for node "${token.used.node}", not for "${name}"`)
  return name
}

/** The record that has the name now. @throws Fault Forbidden when it is another board's and the token does not move it */
const checkFree = (
  name: string,
  keyHash: string,
  token: TokenRecord,
  hub: Pick<Enroller, 'register'>,
): NodeRecord | undefined => {
  const before = hub.register.nodes.get(name)
  if (before === undefined || before.keyHash === keyHash || (token.replace && token.node === name)) return before
  throw new Fault(
    'Forbidden',
    `node "${name}" is another board's (joined ${before.joined}); to move the name here: dunlin join-token create --node ${name} --replace`,
    { node: name },
  )
}

/** What the board that had the name so far is told when it comes back. */
const movedWhy = (board: string | undefined): string =>
  `its name moved to another board${board === undefined ? '' : ` (serial ${board.replaceAll(/[^\w.-]/g, '?')})`}; to use this one again: dunlin node reset --join-token TOKEN`

/** A device may label itself, but not with what belongs to Kubernetes (as NodeRestriction has it). */
const checkedLabels = (labels: EnrolRequest['labels']): EnrolRequest['labels'] => {
  for (const [key, value] of Object.entries(labels)) {
    const isReserved = /(^|\.)(kubernetes|k8s)\.io\//.test(key)
    const why = isReserved
      ? 'a device may not set it; put it on the join token'
      : (qualifiedName(key) ?? labelValue(value))
    if (why !== undefined) throw new Fault('Invalid', `label ${key.slice(0, 200)}: ${why}`, { label: key })
  }
  return labels
}

/** The Node object, made where there is none; where there is one, it keeps what people gave it. */
const joinedNode = async (
  objects: Objects,
  of: {
    readonly name: string
    readonly joining: Omit<Parameters<typeof joiningLabels>[0], 'before'>
    /** Labels of the board that joined before, should its Node object be gone. */
    readonly known: NodeRecord['labels'] | undefined
    readonly board: string | undefined
  },
): Promise<Node> => {
  const { name, joining, board } = of
  const made = await makeNode(objects, nodeObject(name, joiningLabels({ ...joining, before: of.known }), board))
  if (made !== undefined) return made
  const there = await objects.modify<Node>('Node', { namespace: '', name }, now => {
    const labels = joiningLabels({ ...joining, before: now.metadata.labels })
    return withBoard({ ...now, metadata: { ...now.metadata, labels } }, board)
  })
  if (there === undefined) throw new Fault('Conflict', `node "${name}" is being removed; try again`)
  return there
}
