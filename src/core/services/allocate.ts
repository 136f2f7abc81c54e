import { forbidden, invalid } from '../../api/causes.ts'
import type { FaultCause } from '../../api/fault.ts'
import type { Service, ServicePort, ServiceSpec } from '../../api/types.ts'
import { fnv1a } from '../workloads/template-hash.ts'
import { addressNumber, addressText, isInRange, parseRange } from './ranges.ts'

export interface ServiceRanges {
  /** e.g. `10.96.0.0/16` */
  readonly serviceCIDR: string
  /** Given out only when it is asked for by name. */
  readonly dnsAddress: string
  readonly firstNodePort: number
  readonly lastNodePort: number
}

/** What is taken by other Services. */
export interface Taken {
  readonly addresses: ReadonlySet<string>
  readonly nodePorts: ReadonlySet<number>
}

export type Allocation =
  | { readonly action: 'use'; readonly spec: ServiceSpec }
  | { readonly action: 'refuse'; readonly causes: readonly FaultCause[] }

/** Addresses and node ports of Services, from the Services themselves. */
export const takenBy = (services: readonly Service[]): Taken => ({
  addresses: new Set(services.flatMap(one => clusterIPsOf(one.spec)).filter(ip => ip !== 'None')),
  nodePorts: new Set(
    services.flatMap(one => (one.spec?.ports ?? []).map(port => port.nodePort ?? 0)).filter(port => port > 0),
  ),
})

/**
 * The Service's spec with its cluster address and node ports: those that it has or asks for, where they are free and
 * in range, else free ones. Where to begin the search follows from the name, so that a Service made anew tends to get
 * what it had. An update that does not name them keeps them (k8s: patchAllocatedValues).
 *
 * @param taken by all other Services
 * @example allocateService({ service, before: undefined, ranges, taken }) // { action: 'use', spec }
 */
export const allocateService = (of: {
  readonly service: Service
  readonly before: Service | undefined
  readonly ranges: ServiceRanges
  readonly taken: Taken
}): Allocation => {
  const { service, before, ranges, taken } = of
  const spec = withoutStale(service.spec ?? {}, before?.spec)
  if (spec.type === 'ExternalName') {
    const given = (spec.ports ?? []).findIndex(isGiven)
    const field = `spec.ports[${given}].nodePort`
    if (given >= 0) {
      return { action: 'refuse', causes: [forbidden(field, "may not be used when `type` is 'ExternalName'")] }
    }
    const { clusterIP: _ip, clusterIPs: _ips, ipFamilies: _f, ipFamilyPolicy: _p, ...rest } = spec
    return { action: 'use', spec: rest }
  }
  const causes: FaultCause[] = []
  const start = fnv1a(`${service.metadata.namespace}/${service.metadata.name ?? service.metadata.generateName}`)
  const clusterIP = chooseAddress(spec, before?.spec, ranges, taken, start, causes)
  const ports = choosePorts(spec, ranges, taken, start, causes)
  if (causes.length > 0 || clusterIP === undefined) return { action: 'refuse', causes }
  return {
    action: 'use',
    spec: {
      ...spec,
      clusterIP,
      clusterIPs: [clusterIP],
      // What was asked for stays, for validation to speak of it.
      ipFamilies: spec.ipFamilies ?? ['IPv4'],
      ipFamilyPolicy: spec.ipFamilyPolicy ?? 'SingleStack',
      ...(ports === undefined ? {} : { ports }),
    },
  }
}

const clusterIPsOf = (spec: ServiceSpec | undefined): readonly string[] => {
  const first = spec?.clusterIP ?? spec?.clusterIPs?.[0]
  return first === undefined || first === '' ? [] : [first]
}

export const wantsNodePorts = (spec: ServiceSpec): boolean =>
  spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false)

/** What an update leaves out stays as it was; node ports that the new type does not have go, unless newly asked for. */
const withoutStale = (spec: ServiceSpec, before: ServiceSpec | undefined): ServiceSpec => {
  if (before === undefined) return spec
  const [had] = clusterIPsOf(before)
  const keepsAddress = before.type !== 'ExternalName' && clusterIPsOf(spec).length === 0 && had !== undefined
  const ports = spec.ports?.map(port => keptPort(spec, before, port))
  return {
    ...withoutStalePolicies(spec, before),
    ...(keepsAddress ? { clusterIP: had, clusterIPs: [had] } : {}),
    ...(ports === undefined ? {} : { ports }),
  }
}

/** Fields that the old type needed, unless they are newly asked for (k8s: dropTypeDependentFields). */
const withoutStalePolicies = (spec: ServiceSpec, before: ServiceSpec): ServiceSpec => {
  const { externalTrafficPolicy, allocateLoadBalancerNodePorts, healthCheckNodePort, ...rest } = spec
  const isOutside = spec.type === 'NodePort' || spec.type === 'LoadBalancer'
  const keepsPolicy = isOutside || externalTrafficPolicy !== before.externalTrafficPolicy
  const keepsChoice =
    spec.type === 'LoadBalancer' || allocateLoadBalancerNodePorts !== before.allocateLoadBalancerNodePorts
  const keepsCheck = spec.type === 'LoadBalancer' || healthCheckNodePort !== before.healthCheckNodePort
  return {
    ...rest,
    ...(externalTrafficPolicy !== undefined && keepsPolicy ? { externalTrafficPolicy } : {}),
    ...(allocateLoadBalancerNodePorts !== undefined && keepsChoice ? { allocateLoadBalancerNodePorts } : {}),
    ...(healthCheckNodePort !== undefined && keepsCheck ? { healthCheckNodePort } : {}),
  }
}

const keptPort = (spec: ServiceSpec, before: ServiceSpec, port: ServicePort): ServicePort => {
  const same = (before.ports ?? []).find(
    one => one.port === port.port && (one.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
  )
  const hadIt = same?.nodePort !== undefined && same.nodePort > 0
  const isStale = hadIt && port.nodePort === same.nodePort && !wantsNodePorts(spec) && spec.type !== 'LoadBalancer'
  if (isStale) return withoutNodePort(port)
  if (!isGiven(port) && wantsNodePorts(spec) && hadIt) return { ...port, nodePort: same.nodePort ?? 0 }
  return port
}

const withoutNodePort = ({ nodePort: _, ...port }: ServicePort): ServicePort => port
const isGiven = (port: ServicePort): boolean => port.nodePort !== undefined && port.nodePort !== 0

const chooseAddress = (
  spec: ServiceSpec,
  before: ServiceSpec | undefined,
  ranges: ServiceRanges,
  taken: Taken,
  start: number,
  causes: FaultCause[],
): string | undefined => {
  const [wanted] = clusterIPsOf(spec)
  const [had] = before?.type === 'ExternalName' ? [] : clusterIPsOf(before)
  const refuse = (message: string): undefined => {
    causes.push(invalid('spec.clusterIPs', [wanted ?? ''], message))
  }
  if (had !== undefined && wanted !== had) {
    causes.push(invalid('spec.clusterIPs[0]', [wanted ?? ''], 'may not change once set'))
    return undefined
  }
  if (wanted === 'None' || (wanted !== undefined && wanted === had)) return wanted
  const range = parseRange(ranges.serviceCIDR)
  if (range === undefined) return refuse(`the service range ${ranges.serviceCIDR} is no IPv4 range`)
  if (wanted !== undefined) {
    const number = addressNumber(wanted)
    if (
      number === undefined ||
      number <= range.first ||
      number >= range.first + range.size - 1 ||
      !isInRange(number, range)
    ) {
      return refuse(
        `failed to allocate IP ${wanted}: the provided IP (${wanted}) is not in the valid range. The range of valid IPs is ${ranges.serviceCIDR}`,
      )
    }
    if (taken.addresses.has(wanted)) return refuse(`failed to allocate IP ${wanted}: provided IP is already allocated`)
    return wanted
  }
  const hosts = range.size - 2
  for (let step = 0; step < hosts; step += 1) {
    const address = addressText(range.first + 1 + ((start + step) % hosts))
    if (address !== ranges.dnsAddress && !taken.addresses.has(address)) return address
  }
  return refuse(`failed to allocate a serviceIP: range is full (${ranges.serviceCIDR})`)
}

const choosePorts = (
  spec: ServiceSpec,
  ranges: ServiceRanges,
  taken: Taken,
  start: number,
  causes: FaultCause[],
): readonly ServicePort[] | undefined => {
  const chosen = new Map<number, Set<string>>()
  const valid = `The range of valid ports is ${ranges.firstNodePort}-${ranges.lastNodePort}`
  for (const [index, port] of (spec.ports ?? []).entries()) {
    const nodePort = port.nodePort
    if (nodePort === undefined || nodePort === 0) continue
    const field = `spec.ports[${index}].nodePort`
    if (spec.type === undefined || spec.type === 'ClusterIP') {
      causes.push(forbidden(field, "may not be used when `type` is 'ClusterIP'"))
    } else if (nodePort < ranges.firstNodePort || nodePort > ranges.lastNodePort) {
      causes.push(invalid(field, nodePort, `provided port is not in the valid range. ${valid}`))
    } else if (taken.nodePorts.has(nodePort) || chosen.get(nodePort)?.has(port.protocol ?? 'TCP') === true) {
      causes.push(invalid(field, nodePort, 'provided port is already allocated'))
    }
    chosen.set(nodePort, (chosen.get(nodePort) ?? new Set()).add(port.protocol ?? 'TCP'))
  }
  if (!wantsNodePorts(spec)) return spec.ports
  const count = ranges.lastNodePort - ranges.firstNodePort + 1
  return spec.ports?.map((port, index) => {
    if (isGiven(port)) return port
    for (let step = 0; step < count; step += 1) {
      const candidate = ranges.firstNodePort + ((start + index + step) % count)
      if (taken.nodePorts.has(candidate) || chosen.has(candidate)) continue
      chosen.set(candidate, new Set([port.protocol ?? 'TCP']))
      return { ...port, nodePort: candidate }
    }
    causes.push(invalid(`spec.ports[${index}].nodePort`, 0, `failed to allocate a nodePort: range is full. ${valid}`))
    return port
  })
}
