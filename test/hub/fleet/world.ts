import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { HubLink } from '../../../src/agent/hub-link.ts'
import type { LinkIdentity } from '../../../src/agent/link/link-identity.ts'
import { openHubLink } from '../../../src/agent/link/open-hub-link.ts'
import { allKinds } from '../../../src/api/kinds.ts'
import type { KubeObject, Pod } from '../../../src/api/types.ts'
import { type Fleet, startFleet } from '../../../src/hub/fleet/start-fleet.ts'
import type { Objects } from '../../../src/hub/objects.ts'
import { openObjects } from '../../../src/hub/store/open-objects.ts'
import { silentLog } from '../../../src/lib/log.ts'
import { openSealed } from '../../../src/wire/seal.ts'
import { type Courier, type FakeBus, fakeBus } from '../../fakes/bus.ts'
import { type ManualClock, manualClock, settle } from '../../fakes/clock.ts'
import { fakeStore } from '../../fakes/store.ts'
import { aSealKey, aSigner } from '../../wire/keys.ts'

export interface World {
  readonly clock: ManualClock
  readonly bus: FakeBus
  readonly objects: Objects
  readonly fleet: Fleet
  /** Settles what needs no time. */
  calm(): Promise<void>
  /** A node with its keys and its Node object. */
  join(
    name: string,
    change?: { readonly labels?: { readonly [key: string]: string }; readonly index?: number },
  ): Promise<TestNode>
  /** Another life of the hub on the same objects. */
  restartHub(change?: { readonly incarnation?: number }): Promise<void>
  close(): Promise<void>
}

export interface TestNode {
  readonly name: string
  readonly folder: string
  readonly identity: LinkIdentity
  /** Starts the agent's link; a second time after `stop`: from the same state folder. */
  start(options?: {
    readonly fetchDocument?: (path: string, mostBytes: number) => Promise<Uint8Array>
  }): Promise<HubLink>
  /** Cuts it off; nothing is written any more. */
  kill(): void
  stop(): Promise<void>
}

export const aWorld = async (courier?: Courier): Promise<World> => {
  const clock = manualClock()
  const bus = fakeBus(courier)
  const hubKey = aSigner()
  const nodes = new Map<string, ReturnType<typeof keysOf>>()
  let uids = 0
  const objects = openObjects({
    store: fakeStore(),
    kinds: allKinds,
    admission: {},
    atRest: { seal: plain => plain, open: sealed => sealed },
    now: clock.now,
    newUid: () => {
      uids += 1
      return `00000000-0000-4000-8000-${String(uids).padStart(12, '0')}`
    },
    random: () => 0.5,
    log: silentLog,
  })
  await objects.synced()
  for (const name of ['default', 'kube-node-lease'])
    await objects.create('Namespace', { metadata: { name } } as KubeObject)

  let term = 0
  let hexes = 0
  const start = (incarnation: number): Promise<Fleet> => {
    term += 1
    return startFleet({
      objects,
      bus: bus.hub,
      keys: { fleet: 'f1', signing: { privateKey: hubKey.privateKey, publicKey: hubKey.publicKey } },
      nodeKeys: node => nodes.get(node)?.hub,
      incarnation,
      term,
      clock,
      randomHex: bytes => {
        hexes += 1
        return hexes.toString(16).padStart(bytes * 2, '0')
      },
      log: silentLog,
      hubVersion: '0.1.0',
      network: {
        clusterCIDR: '10.64.0.0/11',
        serviceCIDR: '10.96.0.0/16',
        dnsAddress: '10.96.0.10',
        domain: 'cluster.local',
      },
      reconnectJitterSeconds: 0,
    })
  }
  let fleet = await start(1)
  const folders: string[] = []
  const links: { close(): Promise<void> }[] = []

  /** Until nothing moves any more: twice in a row no message, and nobody at work. */
  const calm = async (): Promise<void> => {
    for (let still = 0; still < 3; still += 1) {
      const before = bus.carried.length
      await settle(6)
      await bus.idle()
      await fleet.idle()
      if (bus.carried.length > before) still = -1
    }
  }

  return {
    clock,
    bus,
    objects,
    get fleet() {
      return fleet
    },
    calm,
    async join(name, change = {}) {
      const keys = keysOf(name)
      nodes.set(name, keys)
      await objects.create('Node', {
        metadata: { name, labels: { 'dunlin.io/site': 'default', ...change.labels } },
        spec: { podCIDR: `10.64.${change.index ?? nodes.size}.0/25` },
      } as KubeObject)
      const folder = await mkdtemp(join(tmpdir(), 'dunlin-link-'))
      folders.push(folder)
      const identity: LinkIdentity = { ...keys.agent, hubKey: id => (id === hubKey.id ? hubKey.publicKey : undefined) }
      let link: HubLink | undefined
      let lives = 0
      return {
        name,
        folder,
        identity,
        async start(options = {}) {
          lives += 1
          let nonces = 0
          link = await openHubLink({
            bus: bus.agent(name),
            stateFolder: folder,
            runFolder: join(folder, 'run'),
            identity,
            clock,
            random: () => 0.5,
            randomHex: bytes => {
              nonces += 1
              return `${lives}${String(nonces)}`.padStart(bytes * 2, '0')
            },
            bootId: `boot-${lives}`,
            agentVersion: '0.1.0',
            log: silentLog,
            fetchDocument: options.fetchDocument ?? (() => Promise.reject(new Error('nothing to fetch'))),
          })
          links.push(link)
          return link
        },
        kill() {
          bus.agent(name).disconnect({ reset: true })
        },
        async stop() {
          bus.agent(name).disconnect({ reset: true })
          await link?.close()
        },
      }
    },
    async restartHub(change = {}) {
      await fleet.close()
      fleet = await start(change.incarnation ?? 1)
      // Agents spread their hellos, over no time here.
      await clock.advance(1)
      await calm()
    },
    async close() {
      for (const link of links) await link.close()
      await fleet.close()
      for (const folder of folders) await rm(folder, { recursive: true, force: true })
    },
  }
}

const keysOf = (name: string) => {
  const signer = aSigner()
  const sealing = aSealKey()
  const uid = `uid-of-${name}`
  return {
    hub: { uid, sealPublicKey: sealing.publicKey, signPublicKey: signer.publicKey },
    agent: {
      node: name,
      uid,
      fleetId: 'f1',
      signer,
      openSealed: (sealed: Uint8Array, context: Uint8Array) => openSealed(sealing.privateKey, sealed, context),
    },
  }
}

export const boundPod = (name: string, node: string, spec: object = {}): Pod => ({
  metadata: { name, namespace: 'default' },
  spec: { nodeName: node, containers: [{ name: 'main', image: 'localhost/hello:1' }], ...spec },
})
