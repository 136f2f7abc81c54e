import { describeError } from '../api/fault.ts'
import type { PodRuntime } from '../core/pods/runtime.ts'
import type { PodNetwork } from '../core/services/pod-network.ts'
import type { Volumes } from './pods/volumes.ts'

/** How long containers get to end when everything is taken down. */
const graceSeconds = 5

/**
 * Ends every pod of this node and takes away all that the agent made on the machine: containers, sandboxes, volumes,
 * network. Images and the node's identity stay. The agent itself must be closed before. A part that fails keeps none of
 * the others.
 *
 * @throws AggregateError naming what was left
 */
export const takeDown = async (of: {
  readonly runtime: PodRuntime
  readonly network: PodNetwork
  readonly volumes: Volumes
}): Promise<void> => {
  const failures: unknown[] = []
  const attempt = async (part: () => Promise<void>): Promise<void> => {
    try {
      await part()
    } catch (error) {
      failures.push(error)
    }
  }
  await attempt(() => endPods(of))
  await attempt(async () => {
    for (const uid of await of.volumes.uids()) await of.volumes.remove(uid)
  })
  await attempt(() => of.network.takeDown())
  await attempt(() => of.runtime.takeDown())
  if (failures.length > 0)
    throw new AggregateError(failures, `not everything was taken down: ${failures.map(describeError).join('; ')}`)
}

const endPods = async (of: { readonly runtime: PodRuntime; readonly network: PodNetwork }): Promise<void> => {
  const pods = await of.runtime.observe()
  await Promise.all(
    pods.map(async pod => {
      const running = pod.containers.filter(one => one.state === 'running')
      await Promise.all(running.map(one => of.runtime.stopContainer(one, graceSeconds)))
      for (const one of pod.containers) await of.runtime.removeContainer(one)
      await of.network.detach(pod.uid, { forget: true })
      await of.runtime.removeSandbox(pod.uid)
    }),
  )
}
