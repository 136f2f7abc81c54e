import { setTimeout as sleep } from 'node:timers/promises'
import { at, listAt, textAt } from '../../src/cli/shown.ts'
import { isReady } from '../../test/fleet/kit.ts'
import type { FaultWorld } from './fault-world.ts'
import type { SeenNode, WantedPod } from './judge-round.ts'
import { ask } from './load.ts'
import { kept, loadPort, wantedCounts } from './manifests.ts'
import { readNode } from './read-node.ts'

export interface Converged {
  readonly after: readonly SeenNode[]
  readonly wanted: readonly WantedPod[]
}

/**
 * Asks until the world is as it is wanted: all nodes Ready, ten pods Ready and no other, the marker on every node, the
 * Service at every node, and the engines run just those containers that the hub speaks of.
 *
 * @throws Error with what was still wrong after `seconds`
 */
export const converge = async (
  world: FaultWorld,
  marker: string,
  seconds: number,
  onEnded: (what: string) => void,
): Promise<Converged> => {
  const deadline = performance.now() + seconds * 1000
  for (;;) {
    try {
      for (const ended of await world.supervise()) onEnded(ended)
      await nodesAreReady(world)
      const pods = await podsAreRight(world)
      await markerIsEverywhere(world, marker)
      const after = await Promise.all(world.nodes.map(readNode))
      agree(pods, after)
      return { after, wanted: pods.map(wantedPod) }
    } catch (error) {
      if (performance.now() > deadline) throw error
    }
    await sleep(150)
  }
}

const get = async (world: FaultWorld, path: string, labelSelector?: string): Promise<readonly unknown[]> =>
  listAt(
    await world.kube.request('GET', path, {
      signal: AbortSignal.timeout(5000),
      ...(labelSelector === undefined ? {} : { query: { labelSelector } }),
    }),
    'items',
  )

const nodesAreReady = async (world: FaultWorld): Promise<void> => {
  for (const node of await get(world, '/api/v1/nodes')) {
    const ready = listAt(node, 'status', 'conditions').find(one => at(one, 'type') === 'Ready')
    if (at(ready, 'status') !== 'True')
      throw new Error(`node ${textAt(node, 'metadata', 'name')}: ${JSON.stringify(ready)}`)
  }
}

const podsAreRight = async (world: FaultWorld): Promise<readonly unknown[]> => {
  const pods = await get(world, '/api/v1/namespaces/default/pods')
  const passing = pods.filter(pod => textAt(pod, 'metadata', 'labels', 'passing') !== undefined)
  if (passing.length > 0) throw new Error(`${passing.map(nameOf).join(', ')} should be gone`)
  const [label = '', value] = kept.split('=')
  const ours = pods.filter(pod => textAt(pod, 'metadata', 'labels', label) === value)
  for (const [app, count] of Object.entries(wantedCounts)) {
    const of = ours.filter(pod => textAt(pod, 'metadata', 'labels', 'app') === app)
    if (of.length !== count || !of.every(isReady))
      throw new Error(`${app}: ${count} ready pods are wanted, there are ${of.map(described).join('; ') || 'none'}`)
  }
  return ours
}

const nameOf = (pod: unknown): string => textAt(pod, 'metadata', 'name') ?? ''

const described = (pod: unknown): string =>
  `${nameOf(pod)} on ${textAt(pod, 'spec', 'nodeName')} ${textAt(pod, 'status', 'phase')}${textAt(pod, 'metadata', 'deletionTimestamp') === undefined ? '' : ' terminating'} ${isReady(pod) ? 'ready' : JSON.stringify(listAt(pod, 'status', 'containerStatuses').map(one => at(one, 'state')))}`

const markerIsEverywhere = async (world: FaultWorld, marker: string): Promise<void> => {
  for (const node of world.nodes) {
    const said = (await ask(world.beacon(node.name), 3000)).trim()
    if (said !== marker) throw new Error(`node ${node.name} says marker ${said}, wanted is ${marker}`)
    await ask(`http://${node.machine.address}:${loadPort}/`, 3000)
  }
}

/** The hub's word and the engines' must be the same. */
const agree = (pods: readonly unknown[], seen: readonly SeenNode[]): void => {
  const running = new Set(
    seen.flatMap(node => node.containers.filter(one => one.state === 'running').map(one => one.id)),
  )
  for (const pod of pods)
    for (const one of [...listAt(pod, 'status', 'containerStatuses'), ...sidecarsOf(pod)]) {
      const id = (textAt(one, 'containerID') ?? '').replace(/^.*\/\//, '')
      if (!running.has(id)) throw new Error(`${nameOf(pod)}/${textAt(one, 'name')} ${id.slice(0, 12)} does not run`)
    }
}

const sidecarsOf = (pod: unknown): readonly unknown[] =>
  listAt(pod, 'status', 'initContainerStatuses').filter(one => at(one, 'state', 'running') !== undefined)

const wantedPod = (pod: unknown): WantedPod => ({
  uid: textAt(pod, 'metadata', 'uid') ?? '',
  node: textAt(pod, 'spec', 'nodeName') ?? '',
  name: nameOf(pod),
  containers: [...listAt(pod, 'spec', 'initContainers'), ...listAt(pod, 'spec', 'containers')].map(
    one => textAt(one, 'name') ?? '',
  ),
})
