import type { Endpoint, EndpointPort, EndpointSlice, Pod, Service, ServicePort } from '../../api/types.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'
import { isFinished, isReady, isTerminating, keyOf, nameOf, uidOf } from '../workloads/pod-facts.ts'
import { ownedBy } from '../workloads/pod-from-template.ts'

export type EndpointsAction =
  | { readonly action: 'createSlice'; readonly slice: EndpointSlice }
  | { readonly action: 'updateSlice'; readonly slice: EndpointSlice }
  | { readonly action: 'deleteSlice'; readonly slice: EndpointSlice }

export const serviceNameLabel = 'kubernetes.io/service-name'
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by'
export const managedBy = 'endpointslice-controller.k8s.io'
const headlessLabel = 'service.kubernetes.io/headless'

/** k8s: MaxEndpointsPerSlice */
export const mostPerSlice = 100

/**
 * What has to change so that the Service's slices say which pods answer it. Endpoints stay in the slice that they are
 * in, and nothing is written that says the same as before. Without selector, or with an external name: hands off.
 *
 * @param pods those of the namespace that the selector selects
 * @param slices those of this Service that this controller made
 * @example planEndpoints({ service, pods, slices }) // [{ action: 'updateSlice', slice }]
 */
export const planEndpoints = (view: {
  readonly service: Service
  readonly pods: readonly Pod[]
  readonly slices: readonly EndpointSlice[]
}): readonly EndpointsAction[] => {
  const { service, slices } = view
  if (service.spec?.type === 'ExternalName' || Object.keys(service.spec?.selector ?? {}).length === 0) return []
  if (isTerminating(service)) return []
  const live = slices.filter(slice => !isTerminating(slice))
  const found = groupByPorts(service, view.pods)
  // A Service without pods has one empty slice: the one that it has, else a new one.
  const groups = found.length > 0 ? found : [{ ports: live[0]?.ports ?? [], endpoints: [] }]
  const actions: EndpointsAction[] = []
  const used = new Set<EndpointSlice>()
  for (const { ports, endpoints } of groups) {
    const portsText = canonicalJson(ports)
    const fitting = live.filter(slice => canonicalJson(slice.ports ?? []) === portsText)
    for (const slice of fitting) used.add(slice)
    actions.push(...fill(service, ports, endpoints, fitting))
  }
  for (const slice of live) if (!used.has(slice)) actions.push({ action: 'deleteSlice', slice })
  return actions
}

interface Group {
  readonly ports: readonly EndpointPort[]
  readonly endpoints: readonly Endpoint[]
}

/** Pods whose named target ports are the same numbers share slices. */
const groupByPorts = (service: Service, pods: readonly Pod[]): readonly Group[] => {
  const groups = new Map<string, { ports: readonly EndpointPort[]; endpoints: Endpoint[] }>()
  for (const pod of pods.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))) {
    const endpoint = endpointOf(service, pod)
    if (endpoint === undefined) continue
    const ports = portsOf(service, pod)
    const key = canonicalJson(ports)
    const group = groups.get(key) ?? { ports, endpoints: [] }
    group.endpoints.push(endpoint)
    groups.set(key, group)
  }
  return [...groups.values()]
}

/** The pod as an endpoint, or undefined while it has no address or has ended. */
export const endpointOf = (service: Service, pod: Pod): Endpoint | undefined => {
  const address = pod.status?.podIP
  if (address === undefined || address === '' || isFinished(pod)) return undefined
  const serving = isReady(pod)
  const terminating = isTerminating(pod)
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating)
  const hasName = pod.spec?.hostname !== undefined && pod.spec.subdomain === nameOf(service)
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(hasName ? { hostname: pod.spec?.hostname ?? '' } : {}),
    ...(pod.spec?.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
    targetRef: { kind: 'Pod', namespace: pod.metadata.namespace ?? '', name: nameOf(pod), uid: uidOf(pod) },
  }
}

const portsOf = (service: Service, pod: Pod): readonly EndpointPort[] =>
  (service.spec?.ports ?? []).flatMap(port => {
    const number = targetPortOf(port, pod)
    if (number === undefined) return []
    return [
      {
        name: port.name ?? '',
        port: number,
        protocol: port.protocol ?? 'TCP',
        ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
      },
    ]
  })

/** The number behind `targetPort`: itself, or the pod's port of that name and protocol. k8s: FindPort */
export const targetPortOf = (port: ServicePort, pod: Pod): number | undefined => {
  const target = port.targetPort ?? port.port
  if (typeof target === 'number') return target === 0 ? port.port : target
  const sidecars = (pod.spec?.initContainers ?? []).filter(one => one.restartPolicy === 'Always')
  const named = [...(pod.spec?.containers ?? []), ...sidecars]
    .flatMap(container => container.ports ?? [])
    .find(one => one.name === target && (one.protocol ?? 'TCP') === (port.protocol ?? 'TCP'))
  if (named !== undefined) return named.containerPort
  return /^\d{1,5}$/.test(target) ? Number(target) : undefined
}

/** Puts the endpoints into the slices: first where they are, then where there is room, then into new ones. */
const fill = (
  service: Service,
  ports: readonly EndpointPort[],
  endpoints: readonly Endpoint[],
  slices: readonly EndpointSlice[],
): readonly EndpointsAction[] => {
  const left = new Map(endpoints.map(endpoint => [endpoint.targetRef?.uid ?? '', endpoint]))
  const filled = slices.map(slice => {
    const kept: Endpoint[] = []
    for (const { targetRef } of slice.endpoints ?? []) {
      const now = left.get(targetRef?.uid ?? '')
      if (now === undefined) continue
      kept.push(now)
      left.delete(targetRef?.uid ?? '')
    }
    return { slice, kept }
  })
  const rest = [...left.values()]
  for (const { kept } of filled) kept.push(...rest.splice(0, Math.max(0, mostPerSlice - kept.length)))
  const actions: EndpointsAction[] = []
  for (const [index, { slice, kept }] of filled.entries()) {
    const isLastEmpty = kept.length === 0 && index > 0
    if (isLastEmpty) actions.push({ action: 'deleteSlice', slice })
    else if (!isSame(service, slice, kept))
      actions.push({ action: 'updateSlice', slice: withEndpoints(service, slice, kept) })
  }
  if (filled.length === 0 && rest.length === 0) {
    actions.push({ action: 'createSlice', slice: newSlice(service, ports, []) })
  }
  while (rest.length > 0) {
    actions.push({ action: 'createSlice', slice: newSlice(service, ports, rest.splice(0, mostPerSlice)) })
  }
  return actions
}

const isSame = (service: Service, slice: EndpointSlice, endpoints: readonly Endpoint[]): boolean =>
  canonicalJson(slice.endpoints ?? []) === canonicalJson(endpoints) &&
  canonicalJson(slice.metadata.labels ?? {}) === canonicalJson(labelsOf(service))

const withEndpoints = (service: Service, slice: EndpointSlice, endpoints: readonly Endpoint[]): EndpointSlice => ({
  ...slice,
  metadata: { ...slice.metadata, labels: labelsOf(service) },
  endpoints,
})

const labelsOf = (service: Service): { readonly [key: string]: string } => ({
  ...service.metadata.labels,
  ...(service.spec?.clusterIP === 'None' ? { [headlessLabel]: '' } : {}),
  [serviceNameLabel]: nameOf(service),
  [managedByLabel]: managedBy,
})

const newSlice = (service: Service, ports: readonly EndpointPort[], endpoints: readonly Endpoint[]): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: {
    generateName: `${nameOf(service)}-`,
    namespace: service.metadata.namespace ?? '',
    labels: labelsOf(service),
    ownerReferences: [ownedBy(service, 'v1', 'Service')],
  },
  addressType: 'IPv4',
  endpoints,
  ports,
})

/** `namespace/name` of the Service that a slice belongs to. */
export const serviceKeyOfSlice = (slice: EndpointSlice): string | undefined => {
  const name = slice.metadata.labels?.[serviceNameLabel]
  return name === undefined ? undefined : keyOf({ metadata: { namespace: slice.metadata.namespace ?? '', name } })
}
