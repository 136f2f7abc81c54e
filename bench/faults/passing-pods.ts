import { setTimeout as sleep } from 'node:timers/promises'
import { isFault } from '../../src/api/fault.ts'
import { parseYaml } from '../../src/api/yaml.ts'
import { listAt } from '../../src/cli/shown.ts'
import { isReady } from '../../test/fleet/kit.ts'
import type { FaultWorld } from './fault-world.ts'
import { passing } from './manifests.ts'

const path = '/apis/apps/v1/namespaces/default/deployments'

/** A Deployment that a round makes and takes away again, so that there is something to do while it harms. */
export interface PassingPods {
  /** Until all of its pods are ready. @throws Error after `seconds` */
  ready(seconds: number): Promise<void>
  remove(): Promise<void>
}

/** @example const pods = await makePassingPods(world, { name: 'passing-7', replicas: 2, node: 'a' }) */
export const makePassingPods = async (
  world: FaultWorld,
  of: { readonly name: string; readonly replicas: number; readonly node?: string },
): Promise<PassingPods> => {
  const body = parseYaml(passing(of))[0]?.value
  await insist(() => world.kube.request('POST', path, { body, signal: AbortSignal.timeout(5000) }), 'AlreadyExists')
  return {
    async ready(seconds) {
      const deadline = performance.now() + seconds * 1000
      for (;;) {
        const list = await world.kube
          .request('GET', '/api/v1/namespaces/default/pods', {
            query: { labelSelector: `app=${of.name}` },
            signal: AbortSignal.timeout(5000),
          })
          .catch(() => undefined)
        const pods = listAt(list, 'items')
        if (pods.length === of.replicas && pods.every(isReady)) return
        if (performance.now() > deadline)
          throw new Error(
            `${of.name} was not ready within ${seconds} s: ${JSON.stringify(pods.map(pod => listAt(pod, 'status', 'containerStatuses')))}`,
          )
        await sleep(200)
      }
    },
    async remove() {
      const query = { propagationPolicy: 'Background' }
      await insist(
        () => world.kube.request('DELETE', `${path}/${of.name}`, { query, signal: AbortSignal.timeout(5000) }),
        'NotFound',
      )
    },
  }
}

/** Until the hub takes it; `done` is the fault that says it was taken before. */
const insist = async (act: () => Promise<unknown>, done: 'AlreadyExists' | 'NotFound'): Promise<void> => {
  for (let tries = 0; ; tries += 1) {
    try {
      await act()
      return
    } catch (error) {
      if (isFault(error, done)) return
      if (tries > 100) throw error
      await sleep(200)
    }
  }
}
