import type { Endpoint, EndpointSlice, Node, Service } from '../../api/types.ts'
import type { EndpointEntry, Peer, ServiceEntry } from '../../core/services/neighbourhood.ts'

/** Which nodes get a Service: those of one site, or all. */
export const siteLabel = 'dunlin.io/site'
export const scopeLabel = 'dunlin.io/scope'
export const defaultSite = 'default'

export const siteOf = (object: { readonly metadata: { readonly labels?: { readonly [key: string]: string } } }) =>
  object.metadata.labels?.[siteLabel] ?? defaultSite

/** The fleet, or the Service's own site. */
export const scopeOf = (service: Service): 'fleet' | { readonly site: string } =>
  (service.metadata.labels?.[scopeLabel] ?? service.metadata.annotations?.[scopeLabel]) === 'fleet'
    ? 'fleet'
    : { site: siteOf(service) }

/** A Service as nodes need it, its slices merged. undefined: nothing for the data plane (no spec). */
export const renderService = (service: Service, slices: readonly EndpointSlice[]): ServiceEntry | undefined => {
  const spec = service.spec
  if (spec === undefined) return undefined
  const type = types.find(known => known === (spec.type ?? 'ClusterIP'))
  if (type === undefined) return undefined
  const hasAddress = spec.clusterIP !== undefined && spec.clusterIP !== '' && spec.clusterIP !== 'None'
  const isSticky = spec.sessionAffinity === 'ClientIP'
  return {
    namespace: service.metadata.namespace ?? 'default',
    name: service.metadata.name ?? '',
    uid: service.metadata.uid ?? '',
    type,
    ...(hasAddress && { clusterIP: spec.clusterIP }),
    ...(spec.externalName && { externalName: spec.externalName }),
    ports: (spec.ports ?? []).map(port => ({
      name: port.name ?? '',
      protocol: port.protocol === 'UDP' ? 'UDP' : 'TCP',
      port: port.port,
      ...(port.nodePort && { nodePort: port.nodePort }),
    })),
    ...(isSticky && { sessionAffinitySeconds: spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800 }),
    externalTrafficPolicy: spec.externalTrafficPolicy === 'Local' ? 'Local' : 'Cluster',
    internalTrafficPolicy: spec.internalTrafficPolicy === 'Local' ? 'Local' : 'Cluster',
    publishNotReadyAddresses: spec.publishNotReadyAddresses ?? false,
    endpoints: mergeSlices(slices),
  }
}

const types = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'] as const

/** The same endpoint may be in two slices for a moment, and with different ports: they are one entry. */
const mergeSlices = (slices: readonly EndpointSlice[]): readonly EndpointEntry[] => {
  const byAddress = new Map<string, EndpointEntry>()
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4') continue
    const ports = Object.fromEntries(
      (slice.ports ?? []).flatMap(port => (port.port === undefined ? [] : [[port.name ?? '', port.port]])),
    )
    for (const endpoint of slice.endpoints ?? []) {
      const address = endpoint.addresses[0]
      if (address === undefined) continue
      const earlier = byAddress.get(address)
      byAddress.set(address, renderEndpoint(address, endpoint, { ...earlier?.ports, ...ports }))
    }
  }
  return [...byAddress.values()].sort((a, b) => (a.address < b.address ? -1 : 1))
}

const renderEndpoint = (
  address: string,
  endpoint: Endpoint,
  ports: { readonly [name: string]: number },
): EndpointEntry => {
  const { ready, serving, terminating } = endpoint.conditions ?? {}
  const target = endpoint.targetRef?.kind === 'Pod' ? endpoint.targetRef : undefined
  return {
    address,
    ...(endpoint.nodeName && { node: endpoint.nodeName }),
    ...(target?.namespace && { podNamespace: target.namespace }),
    ...(target?.name && { podName: target.name }),
    ...(target?.uid && { podUid: target.uid }),
    ...(endpoint.hostname && { hostname: endpoint.hostname }),
    // k8s: an unknown state counts as ready, and serving defaults to ready.
    ready: ready ?? true,
    serving: serving ?? ready ?? true,
    terminating: terminating ?? false,
    ports,
  }
}

/** undefined while the node has no pod range or no address. */
export const renderPeer = (node: Node): Peer | undefined => {
  const podCIDR = node.spec?.podCIDR
  const addresses = (node.status?.addresses ?? []).filter(one => one.type === 'InternalIP').map(one => one.address)
  if (podCIDR === undefined || podCIDR === '' || addresses.length === 0) return undefined
  return { node: node.metadata.name ?? '', uid: node.metadata.uid ?? '', podCIDR, addresses }
}
