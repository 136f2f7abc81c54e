import { createPublicKey, randomBytes, randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { openIdentity } from '../../src/agent/identity/open-identity.ts'
import { allKinds } from '../../src/api/kinds.ts'
import { admissionWith, defaultServiceRanges } from '../../src/hub/controllers/admission.ts'
import { groups, nodeUser } from '../../src/hub/identity/caller.ts'
import { answer } from '../../src/hub/identity/enrol-node.ts'
import { openKeys } from '../../src/hub/identity/keys.ts'
import { makeNode, nodeObject } from '../../src/hub/identity/node-object.ts'
import {
  keyHashOf,
  type NodeRecord,
  nodeUris,
  openNodeRegister,
  withCertificate,
} from '../../src/hub/identity/node-register.ts'
import { commitRecords } from '../../src/hub/identity/records.ts'
import { bootstrapObjects } from '../../src/hub/rest/bootstrap-objects.ts'
import { openObjects } from '../../src/hub/store/open-objects.ts'
import { openSqliteStore } from '../../src/hub/store/sqlite-store.ts'
import { silentLog } from '../../src/lib/log.ts'
import { addressOf, mqttPort } from './own-network.ts'

/** A node that has joined, before any of its processes runs. */
export interface MintedNode {
  readonly name: string
  readonly address: string
  readonly stateFolder: string
}

const day = 86_400_000
const atOnce = 64

/**
 * Makes a fleet that has joined, while no hub runs: each device its own keys and certificate, each with its record and
 * Node object in the hub's store, by the hub's own code. Only the HTTPS requests of joining are left out.
 */
export const mintFleet = async (of: {
  readonly hubFolder: string
  readonly memoryFolder: string
  readonly nodes: number
  readonly sites: number
  readonly told: (done: number) => void
}): Promise<readonly MintedNode[]> => {
  const now = (): number => Date.now()
  await mkdir(of.hubFolder, { recursive: true, mode: 0o700 })
  const keys = await openKeys(join(of.hubFolder, 'keys'), { now, randomBytes, names: ['127.0.0.1'] })
  const store = await openSqliteStore({ path: join(of.hubFolder, 'hub.db'), now: now() })
  const objects = openObjects({
    store,
    kinds: allKinds,
    admission: admissionWith(defaultServiceRanges),
    atRest: keys.atRest,
    now,
    newUid: randomUUID,
    random: Math.random,
    log: silentLog,
  })
  await bootstrapObjects(objects)
  const register = await openNodeRegister(store)

  const mintNode = async (number: number): Promise<MintedNode> => {
    const name = `node-${String(number).padStart(5, '0')}`
    const address = addressOf(number, of.nodes)
    const stateFolder = join(of.memoryFolder, name)
    const identity = await openIdentity({ stateFolder })
    const labels = {
      'dunlin.io/site': of.sites === 1 ? 'default' : `site-${Math.floor((number * of.sites) / of.nodes)}`,
      'kubernetes.io/hostname': name,
      'kubernetes.io/arch': 'arm64',
      'kubernetes.io/os': 'linux',
    }
    const made = await makeNode(objects, nodeObject(name, labels))
    const spki = (key: typeof identity.tlsKey): string => key.export({ type: 'spki', format: 'der' }).toString('base64')
    const facts = {
      uid: made?.metadata.uid ?? '',
      signingKey: spki(identity.signingPublicKey),
      sealingKey: spki(identity.sealingPublicKey),
      allowShell: false,
    }
    const publicTlsKey = createPublicKey(identity.tlsKey)
    const certificate = keys.issueClient({
      name: nodeUser(name),
      groups: [groups.nodes],
      publicKey: publicTlsKey,
      notAfter: new Date(now() + 365 * day),
      uris: nodeUris(facts),
    })
    const record: NodeRecord = {
      format: 1,
      name,
      ...facts,
      keyHash: keyHashOf(publicTlsKey),
      labels,
      joined: new Date(now()).toISOString(),
      certificates: [],
    }
    await commitRecords(store, () => ({
      changes: [register.nodes.put(name, withCertificate(record, certificate))],
      result: undefined,
    }))
    const reach = { keys, now, api: () => [`${address}:6443`], mqtt: () => [`${address}:${mqttPort}`] }
    await identity.join(answer(reach, { name, uid: facts.uid, allowShell: false }, certificate))
    return { name, address, stateFolder }
  }

  try {
    const all: MintedNode[] = []
    for (let first = 0; first < of.nodes; first += atOnce) {
      const few = Array.from({ length: Math.min(atOnce, of.nodes - first) }, (_, index) => mintNode(first + index))
      all.push(...(await Promise.all(few)))
      of.told(all.length)
    }
    return all
  } finally {
    await objects.close()
    await store.close()
  }
}
