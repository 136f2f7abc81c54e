import type { Test } from 'tap'
import { allKinds } from '../../src/api/kinds.ts'
import type { Deployment, Event, Lease, Node, Pod } from '../../src/api/types.ts'
import { withCondition } from '../../src/core/workloads/conditions.ts'
import { isTerminating, microTimeText, nameOf, podCondition } from '../../src/core/workloads/pod-facts.ts'
import { admission } from '../../src/hub/controllers/admission.ts'
import type { ControllerOptions } from '../../src/hub/controllers/controller.ts'
import { startControllers } from '../../src/hub/controllers/start-controllers.ts'
import { type HubObjects, openObjects } from '../../src/hub/store/open-objects.ts'
import { jsonLog } from '../../src/lib/log.ts'
import { type ManualClock, manualClock, settle } from '../fakes/clock.ts'
import { fakeStore } from '../fakes/store.ts'
import { testAtRest } from './objects.ts'

/** All controllers on real objects over a store in memory, and nodes that do what they are told at once. */
export interface Controlled {
  readonly objects: HubObjects
  readonly clock: ManualClock
  /** Warnings and errors that the controllers logged. */
  readonly complaints: string[]
  /** Lets everything happen that needs no time, the nodes' part included. */
  settle(): Promise<void>
  /** Time goes by, and connected nodes give a sign of life every half minute. */
  pass(seconds: number): Promise<void>
  addNode(
    name: string,
    change?: Partial<Node['metadata']>,
    allocatable?: { readonly [resource: string]: string },
  ): Promise<void>
  /** From now on the node says nothing and does nothing. */
  lose(name: string): void
  /** The node is back: it reports all its pods, and lets go of those that are to go. */
  bringBack(name: string): Promise<void>
  /** The controllers are not there for so long, and then start anew. */
  restartHub(seconds: number): Promise<void>
  /** Pods become ready when this says so; all do by default. */
  isReady: (pod: Pod) => boolean
  pods(): readonly Pod[]
  /** `reason: message` of the events about this object. */
  eventsOf(name: string): readonly string[]
}

const at = (namespace: string, name: string) => ({ namespace, name })

export const controlled = async (t: Test, options: ControllerOptions = {}): Promise<Controlled> => {
  const clock = manualClock()
  const complaints: string[] = []
  let number = 0
  const objects = openObjects({
    store: fakeStore(),
    kinds: allKinds,
    admission,
    atRest: testAtRest,
    now: clock.now,
    newUid: () => {
      number += 1
      return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
    },
    random: pseudoRandom(7),
    log: jsonLog({ write: line => complaints.push(line.trim()), level: 'warn', now: clock.now }),
  })
  await objects.synced()
  const log = jsonLog({ write: line => complaints.push(line.trim()), level: 'warn', now: clock.now })
  const start = () => startControllers({ objects, clock, random: pseudoRandom(11), log, options })
  let controllers = start()
  t.teardown(async () => {
    await controllers.close()
    await objects.close()
  })

  const lost = new Set<string>()
  let addresses = 10
  const world: Controlled = {
    objects,
    clock,
    complaints,
    isReady: () => true,
    pods: () => objects.list<Pod>('Pod'),
    async settle() {
      for (let quiet = 0; quiet < 2; ) {
        await settle(10)
        const did = await playNodes()
        quiet = did ? 0 : quiet + 1
      }
    },
    async addNode(name, change = {}, allocatable = { cpu: '4', memory: '1Gi', pods: '110' }) {
      await objects.create<Node>('Node', { metadata: { name, ...change } })
      await objects.create<Lease>('Lease', { metadata: { name, namespace: 'kube-node-lease' } })
      await reportNode(name, allocatable)
      await world.settle()
    },
    async pass(seconds) {
      for (let left = seconds * 1000; left > 0; left -= 30_000) {
        await clock.advance(Math.min(left, 30_000))
        for (const node of objects.list<Node>('Node')) if (!lost.has(nameOf(node))) sign(nameOf(node))
        await world.settle()
      }
    },
    lose: name => void lost.add(name),
    async bringBack(name) {
      lost.delete(name)
      const node = objects.get<Node>('Node', at('', name))
      await reportNode(name, node?.status?.allocatable ?? {})
      for (const pod of world.pods()) {
        if (pod.spec?.nodeName === name && !isTerminating(pod)) await reportPod(pod)
      }
      await world.settle()
    },
    async restartHub(seconds) {
      await controllers.close()
      await clock.advance(seconds * 1000)
      controllers = start()
      await world.settle()
    },
    eventsOf: name =>
      objects
        .list<Event>('Event')
        .filter(event => event.involvedObject.name === name)
        .map(event => `${event.reason}: ${event.message}`),
  }

  const reportNode = async (name: string, allocatable: { readonly [resource: string]: string }): Promise<void> => {
    addresses += 1
    const address = `192.168.1.${addresses}`
    await objects.modify<Node>(
      'Node',
      at('', name),
      node => ({
        ...node,
        status: {
          ...node.status,
          allocatable,
          capacity: allocatable,
          addresses: node.status?.addresses ?? [{ type: 'InternalIP', address }],
          conditions: withCondition(
            node.status?.conditions,
            { type: 'Ready', status: 'True', reason: 'AgentReady', message: 'agent is ready' },
            clock.now(),
          ),
        },
      }),
      { subresource: 'status' },
    )
    sign(name)
  }

  /** The sign of life that the fleet gives in memory for a node that is connected. */
  const sign = (name: string): void =>
    objects.touch<Lease>('Lease', at('kube-node-lease', name), lease => ({
      ...lease,
      spec: { ...lease.spec, renewTime: microTimeText(clock.now()) },
    }))

  const reportPod = async (pod: Pod): Promise<void> => {
    const isReady = world.isReady(pod)
    addresses += 1
    await objects.modify<Pod>(
      'Pod',
      at(pod.metadata.namespace ?? '', nameOf(pod)),
      now => ({
        ...now,
        status: {
          ...now.status,
          phase: 'Running',
          podIP: now.status?.podIP ?? `10.64.0.${addresses % 250}`,
          conditions: withCondition(
            now.status?.conditions,
            { type: 'Ready', status: isReady ? 'True' : 'False' },
            clock.now(),
          ),
        },
      }),
      { subresource: 'status' },
    )
  }

  /** What connected nodes do: run what is bound to them, let go of what is deleted. */
  const playNodes = async (): Promise<boolean> => {
    let did = false
    for (const pod of world.pods()) {
      const node = pod.spec?.nodeName
      if (node === undefined || lost.has(node)) continue
      const key = at(pod.metadata.namespace ?? '', nameOf(pod))
      if (isTerminating(pod)) {
        await objects.removeFinally('Pod', key, pod.metadata.uid ?? '')
        did = true
      } else if (
        (podCondition(pod, 'Ready')?.status === 'True') !== world.isReady(pod) ||
        pod.status?.phase !== 'Running'
      ) {
        await reportPod(pod)
        did = true
      }
    }
    return did
  }
  await world.settle()
  return world
}

/** A small generator of numbers that only look random (mulberry32). */
const pseudoRandom = (seed: number) => {
  let state = seed
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** A Deployment that is fine; a test changes one thing. */
export const aDeployment = (
  spec: Partial<Deployment['spec'] & object> = {},
  name = 'web',
  image = 'web:1',
): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'default' },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'web', image, ports: [{ name: 'http', containerPort: 8080 }] }] },
    },
    ...spec,
  },
})
