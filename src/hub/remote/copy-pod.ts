import { Fault } from '../../api/fault.ts'
import type { Pod } from '../../api/types.ts'
import type { Caller } from '../identity/caller.ts'
import type { RemoteProcess } from '../ports.ts'
import { containerOf } from '../rest/container-of.ts'
import { processChannels } from '../streams/process-channels.ts'
import type { SessionFacts } from './live-sessions.ts'
import { accepted, asProcess } from './opened-bytes.ts'
import type { RemoteParts, Upgrade } from './remote-door.ts'
import { watchedProcess, within } from './watched-streams.ts'

/**
 * A tar archive of `?path=` of a container, made by the node's agent, so that no tar in the image is needed; with
 * `to=pod` one into its folder `path`.
 */
export const copyPod = async (
  request: Upgrade & { readonly caller: Caller; readonly facts: Omit<SessionFacts, 'what' | 'node'> },
  place: { readonly namespace: string; readonly name: string },
  of: RemoteParts,
): Promise<void> => {
  const { http } = request
  const pod = of.objects.get<Pod>('Pod', place)
  if (pod === undefined)
    throw new Fault('NotFound', `pods "${place.name.slice(0, 253)}" not found`, { kind: 'pods', name: place.name })
  const node = pod.spec?.nodeName ?? ''
  if (node === '') throw new Fault('BadRequest', `pod ${place.name} does not have a host assigned`)
  const container = containerOf(pod, http.query.get('container') ?? '')
  const path = http.query.get('path') ?? ''
  if (!/^[^\0]{1,4096}$/.test(path)) throw new Fault('BadRequest', 'path: expected a path of the container')
  const isToPod = http.query.get('to') === 'pod'
  const detail = `${isToPod ? 'to' : 'from'} ${path}`
  const facts = { ...request.facts, node, namespace: place.namespace, pod: place.name, container }
  const session = of.sessions.begin({ ...facts, what: 'copy', detail })
  const open = async (): Promise<RemoteProcess> => {
    const wish = { podUid: pod.metadata.uid ?? '', namespace: place.namespace, name: place.name, container, path }
    const stream = await within(session, http.signal, async signal =>
      accepted(await of.nodes.open(node, isToPod ? 'copy-in' : 'copy-out', wish), signal),
    )
    if (!isToPod) stream.end()
    return watchedProcess(asProcess(stream), session)
  }
  try {
    await processChannels({ request: http, socket: request.socket, head: request.head, open, clock: of.clock })
  } finally {
    session.end('closed')
  }
}
