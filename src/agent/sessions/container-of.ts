import { Fault } from '../../api/fault.ts'
import type { ContainerRef, PodRuntime } from '../../core/pods/runtime.ts'
import type { ContainerPlace } from '../../wire/side-channel/pod-requests.ts'

/**
 * The running attempt of a container.
 *
 * @throws Fault NotFound where there is none here; Conflict, with its state, where none runs
 */
export const containerOf = async (
  runtime: Pick<PodRuntime, 'observePod'>,
  place: ContainerPlace,
): Promise<ContainerRef> => {
  const pod = await runtime.observePod(place.podUid)
  const where = `container "${place.container}" of pod "${place.namespace}/${place.name}"`
  const attempts = (pod?.containers ?? [])
    .filter(one => one.container === place.container)
    .toSorted((a, b) => b.attempt - a.attempt)
  const running = attempts.find(one => one.state === 'running')
  if (running !== undefined) return running
  if (attempts[0] === undefined) throw new Fault('NotFound', `${where} is not on this node yet, or no more`)
  throw new Fault('Conflict', `${where} is ${attempts[0].state}, not running`)
}
