import { Fault } from '../../api/fault.ts'
import type { Pod } from '../../api/types.ts'
import type { PodStreams } from '../ports.ts'
import type { ResourceRequest, Rest } from '../rest/api-request.ts'
import { objectAt } from '../rest/read-objects.ts'

/**
 * The pod that a request is about, which must be on a node.
 *
 * @throws Fault NotFound, or BadRequest in upstream's words
 */
export const boundPod = (request: ResourceRequest, rest: Pick<Rest, 'objects'>): Pod => onNode(objectAt(request, rest))

/** @throws Fault BadRequest when the pod has no node yet */
export const onNode = (pod: Pod): Pod => {
  if ((pod.spec?.nodeName ?? '') !== '') return pod
  throw new Fault('BadRequest', `pod ${pod.metadata.name} does not have a host assigned`)
}

/** @throws Fault NotFound where the hub has no way to its nodes */
export const podStreams = (rest: Pick<Rest, 'streams'>): PodStreams => {
  if (rest.streams !== undefined) return rest.streams
  throw new Fault('NotFound', 'this hub does not offer exec, attach and port-forward')
}
