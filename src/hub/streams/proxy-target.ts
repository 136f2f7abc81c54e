import { Fault } from '../../api/fault.ts'
import type { EndpointSlice, Pod, Service } from '../../api/types.ts'
import type { ResourceRequest, Rest } from '../rest/api-request.ts'
import { notFound } from '../store/object-names.ts'
import { onNode } from './bound-pod.ts'

/** What a proxied request goes to. */
export interface ProxyTarget {
  readonly pod: Pod
  readonly port: number
  readonly isTls: boolean
}

/**
 * The pod and port of `pods/NAME[:PORT]/proxy` or `services/[SCHEME:]NAME[:PORT]/proxy`. Of a Service that is any
 * endpoint that is ready.
 *
 * @throws Fault NotFound | BadRequest | Unavailable
 */
export const proxyTarget = ({ kind, at }: ResourceRequest, rest: Pick<Rest, 'objects'>): ProxyTarget => {
  const { scheme, name, port } = splitName(at.name)
  const key = { namespace: at.namespace, name }
  const isTls = scheme === 'https'
  if (kind.kind === 'Pod') {
    const pod = rest.objects.get<Pod>('Pod', key)
    if (pod === undefined) throw notFound(kind, name)
    return { pod: onNode(pod), port: podPort(pod, port), isTls }
  }
  const service = rest.objects.get<Service>('Service', key)
  if (service === undefined) throw notFound(kind, name)
  return { ...readyEndpoint(service, servicePort(service, port), rest), isTls }
}

/** k8s: SplitSchemeNamePort. */
const splitName = (whole: string): { readonly scheme: string; readonly name: string; readonly port: string } => {
  const parts = whole.split(':')
  const [scheme = '', name = '', port = ''] = parts.length === 3 ? parts : ['', ...parts]
  if (parts.length <= 3 && ['', 'http', 'https'].includes(scheme) && name !== '') return { scheme, name, port }
  throw new Fault(
    'BadRequest',
    `invalid proxy request ${JSON.stringify(whole.slice(0, 80))}: NAME, NAME:PORT or SCHEME:NAME:PORT`,
  )
}

/** k8s: without a port the first one that the containers name. */
const podPort = (pod: Pod, text: string): number => {
  const ports = (pod.spec?.containers ?? []).flatMap(container => container.ports ?? [])
  if (text === '') return ports[0]?.containerPort ?? 80
  return ports.find(port => port.name === text)?.containerPort ?? numberOf(text)
}

const numberOf = (text: string): number => {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port
  throw new Fault(
    'BadRequest',
    `port ${JSON.stringify(text.slice(0, 40))}: must be between 1 and 65535, or the name of a port`,
  )
}

/** The name of the Service's port. */
const servicePort = (service: Service, text: string): string => {
  const ports = service.spec?.ports ?? []
  const found =
    text === '' && ports.length === 1 ? ports[0] : ports.find(one => one.name === text || String(one.port) === text)
  if (found !== undefined) return found.name ?? ''
  const known = ports.map(one => one.name ?? String(one.port)).join(', ')
  throw new Fault(
    'Unavailable',
    `service "${service.metadata.name}" has no port ${JSON.stringify(text.slice(0, 40))}: it has ${known}`,
  )
}

const readyEndpoint = (service: Service, portName: string, rest: Pick<Rest, 'objects'>): Omit<ProxyTarget, 'isTls'> => {
  const { namespace = '', name = '' } = service.metadata
  const slices = rest.objects
    .list<EndpointSlice>('EndpointSlice', { namespace })
    .filter(slice => slice.metadata.labels?.['kubernetes.io/service-name'] === name)
  for (const { endpoints = [], ports = [] } of slices) {
    const port = ports.find(one => (one.name ?? '') === portName)?.port
    for (const { conditions, targetRef } of endpoints) {
      if (port === undefined || conditions?.ready === false || targetRef?.kind !== 'Pod') continue
      const pod = rest.objects.get<Pod>('Pod', { namespace, name: targetRef.name ?? '' })
      if ((pod?.spec?.nodeName ?? '') !== '' && pod !== undefined) return { pod, port }
    }
  }
  throw new Fault('Unavailable', `no endpoints available for service "${name}"`)
}
