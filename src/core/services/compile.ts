import type { NodeNetwork } from '../nodes/assignment.ts'
import { parseIp } from './cidr.ts'
import type { EndpointEntry, Neighbourhood, ServiceEntry, ServicePortEntry } from './neighbourhood.ts'
import type { HostPort, PodEndpointState } from './pod-network.ts'
import { seenHere } from './seen-here.ts'

/** What a node does with traffic for Services: every place where it is met, and where it goes from there. */
export interface ForwardingPlan {
  readonly frontends: readonly Frontend[]
  /** Addresses of the pods on this node, in order. */
  readonly localPods: readonly string[]
  /** Addresses of all endpoints, ready or not: who is not among them has vanished, and not merely become unready. */
  readonly known: ReadonlySet<string>
  /** What is asked for and not done, in words. */
  readonly refused: readonly string[]
}

export interface Frontend {
  /** `default/web:http`, for people. */
  readonly name: string
  /** An address of the service range (or a host IP); undefined: every address of the node. */
  readonly address?: string
  readonly protocol: 'tcp' | 'udp'
  readonly port: number
  readonly targets: readonly Target[]
  /** Where pods and processes of this node go instead, when that differs: all endpoints under externalTrafficPolicy Local. */
  readonly insideTargets?: readonly Target[]
  /** Whether a client that is no pod of this node may have to be hidden behind the node, so that answers come back. */
  readonly mayHideClient: boolean
  readonly affinitySeconds?: number
}

export interface Target {
  readonly address: string
  readonly port: number
}

export interface LocalPod {
  readonly uid: string
  readonly ip: string
  readonly hostPorts: readonly HostPort[]
}

/** More endpoints than this are cut, those of this node first: the random choice has that many slots. */
export const mostTargets = 64

/**
 * What this node must do for the Services it knows. Deterministic: equal input, equal plan.
 * Two that claim the same place: a host port of a pod here goes first, then the Service first in order.
 *
 * @example compile({ neighbourhood, node: 'pi-1', network, localPods: [], podStates: new Map() }).frontends
 */
export const compile = (of: {
  readonly neighbourhood: Neighbourhood
  readonly node: string
  readonly network: NodeNetwork
  readonly localPods: readonly LocalPod[]
  readonly podStates: ReadonlyMap<string, PodEndpointState>
  /** Ports that programs of the host listen on, `tcp 22`: they keep them. */
  readonly hostListeners?: ReadonlySet<string>
}): ForwardingPlan => {
  const services = seenHere(of).services.toSorted((a, b) =>
    compareText(`${a.namespace}/${a.name}`, `${b.namespace}/${b.name}`),
  )
  const all = [
    ...of.localPods.flatMap(hostPortFrontends),
    ...services.flatMap(service => serviceFrontends(service, of.network, of.node)),
  ]
  const taken = new Map<string, string>()
  const refused: string[] = []
  const frontends = all.filter(one => {
    const place = placeOf(one)
    const other = taken.get(place)
    if (!isSound(one)) refused.push(`${one.name} does not answer at ${place}: that is no place for a Service`)
    else if (other !== undefined) refused.push(`${one.name} does not answer at ${place}: ${other} does`)
    else if (one.address === undefined && of.hostListeners?.has(`${one.protocol} ${one.port}`) === true)
      refused.push(`${one.name} does not answer at ${place}: another program of this node listens there`)
    else {
      taken.set(place, one.name)
      return true
    }
    return false
  })
  const known = services.flatMap(service => service.endpoints.map(one => one.address))
  return {
    frontends,
    localPods: of.localPods.map(pod => pod.ip).toSorted(compareText),
    known: new Set([...known, ...of.localPods.map(pod => pod.ip)]),
    refused: [...new Set(refused)],
  }
}

/** What reaches the kernel is an address, a port and seconds: one element that is none would keep all others out. */
const isSound = (of: Frontend): boolean =>
  (of.address === undefined || parseIp(of.address) !== undefined) &&
  isPort(of.port) &&
  (of.affinitySeconds === undefined || (Number.isInteger(of.affinitySeconds) && of.affinitySeconds > 0)) &&
  [...of.targets, ...(of.insideTargets ?? [])].every(to => parseIp(to.address) !== undefined && isPort(to.port))

const isPort = (port: number): boolean => Number.isInteger(port) && port > 0 && port < 65_536

/** Where a frontend is met: `10.96.0.1 tcp 80` or `node tcp 30080`. */
export const placeOf = (of: Pick<Frontend, 'address' | 'protocol' | 'port'>): string =>
  `${of.address ?? 'node'} ${of.protocol} ${of.port}`

const hostPortFrontends = (pod: LocalPod): readonly Frontend[] =>
  pod.hostPorts.map(({ protocol, hostPort, hostIP, containerPort }) => ({
    name: `pod ${pod.uid} host port ${hostPort}`,
    ...(hostIP === undefined || hostIP === '' || hostIP === '0.0.0.0' ? {} : { address: hostIP }),
    protocol: protocol === 'TCP' ? 'tcp' : 'udp',
    port: hostPort,
    targets: [{ address: pod.ip, port: containerPort }],
    mayHideClient: false,
  }))

const serviceFrontends = (service: ServiceEntry, network: NodeNetwork, node: string): readonly Frontend[] => {
  if (service.type === 'ExternalName') return []
  const { endpoints } = service
  const local = endpoints.filter(endpoint => endpoint.node === node)
  return service.ports.flatMap(port => {
    const everywhere = targetsOf(service, port, endpoints, node)
    const onNode = targetsOf(service, port, local, node)
    const common = {
      name: `${service.namespace}/${service.name}${port.name === '' ? '' : `:${port.name}`}`,
      protocol: port.protocol === 'TCP' ? 'tcp' : 'udp',
      ...(service.sessionAffinitySeconds === undefined ? {} : { affinitySeconds: service.sessionAffinitySeconds }),
    } as const
    const atAddress = (address: string): Frontend => ({
      ...common,
      address,
      port: port.port,
      targets: service.internalTrafficPolicy === 'Local' ? onNode : everywhere,
      mayHideClient: true,
    })
    const atNode = (number: number): Frontend =>
      service.externalTrafficPolicy === 'Local'
        ? { ...common, port: number, targets: onNode, insideTargets: everywhere, mayHideClient: false }
        : { ...common, port: number, targets: everywhere, mayHideClient: true }
    return [
      // The address of the DNS server is held by the node itself.
      ...(service.clusterIP === undefined || service.clusterIP === network.dnsAddress
        ? []
        : [atAddress(service.clusterIP)]),
      ...(service.type !== 'ClusterIP' && port.nodePort !== undefined ? [atNode(port.nodePort)] : []),
      ...(service.type === 'LoadBalancer' ? [atNode(port.port)] : []),
    ]
  })
}

/** k8s: ready endpoints; only where there is none, those that end but still serve. */
const targetsOf = (
  service: ServiceEntry,
  port: ServicePortEntry,
  endpoints: readonly EndpointEntry[],
  node: string,
): readonly Target[] => {
  const withPort = endpoints.filter(endpoint => endpoint.ports[port.name] !== undefined)
  const ready = withPort.filter(endpoint => service.publishNotReadyAddresses || endpoint.ready)
  const chosen = ready.length > 0 ? ready : withPort.filter(endpoint => endpoint.serving && endpoint.terminating)
  const targets = new Map<string, { readonly target: Target; readonly isLocal: boolean }>()
  for (const endpoint of chosen) {
    const target = { address: endpoint.address, port: endpoint.ports[port.name] ?? 0 }
    targets.set(`${target.address}:${target.port}`, { target, isLocal: endpoint.node === node })
  }
  const ordered = [...targets].toSorted(([a], [b]) => compareText(a, b)).map(([, one]) => one)
  const kept =
    ordered.length <= mostTargets
      ? ordered
      : [...ordered.filter(one => one.isLocal), ...ordered.filter(one => !one.isLocal)].slice(0, mostTargets)
  return kept.map(one => one.target)
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
