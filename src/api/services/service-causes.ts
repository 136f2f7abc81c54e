import { duplicate, forbidden, invalid, oneOf, required, ruled } from '../causes.ts'
import type { FaultCause } from '../fault.ts'
import { labelCauses } from '../metadata.ts'
import { dnsLabel, dnsSubdomain, isIPv4, isIPv6, portNumber, qualifiedName } from '../names.ts'
import { portCauses as targetCauses } from '../pods/probe-causes.ts'
import { supportFindings } from '../support.ts'
import type { Service, ServicePort, ServiceSpec } from '../types.ts'
import { serviceSupport } from './service-support.ts'

/** The node ports that there are. */
export const nodePortRange = { first: 30_000, last: 32_767 } as const

/** What is wrong with a Service (k8s: ValidateService, ValidateServiceUpdate). */
export const serviceCauses = (service: Service, before: Service | undefined): readonly FaultCause[] => {
  const spec = service.spec ?? {}
  return [
    ...oneOf('spec.type', spec.type, ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']),
    ...labelCauses('spec.selector', spec.selector),
    ...portsCauses(spec),
    ...addressCauses(spec, before?.spec),
    ...affinityCauses(spec),
    ...policyCauses(spec),
    ...supportFindings(spec, 'ServiceSpec', 'spec', serviceSupport).causes,
  ]
}

const isOutside = (spec: ServiceSpec): boolean => spec.type === 'NodePort' || spec.type === 'LoadBalancer'

const portsCauses = (spec: ServiceSpec): readonly FaultCause[] => {
  const ports = spec.ports ?? []
  const isPortless = spec.type === 'ExternalName' || spec.clusterIP === 'None'
  return [
    ...(ports.length === 0 && !isPortless ? [required('spec.ports')] : []),
    ...ports.flatMap((port, index) => portCauses(port, index, ports, spec)),
  ]
}

const portCauses = (
  port: ServicePort,
  index: number,
  ports: readonly ServicePort[],
  spec: ServiceSpec,
): readonly FaultCause[] => {
  const field = `spec.ports[${index}]`
  const name = port.name ?? ''
  const earlier = ports.slice(0, index)
  const wrongPort = portNumber(port.port)
  const isSamePort = earlier.some(one => one.port === port.port && one.protocol === port.protocol)
  return [
    ...(ports.length > 1 && name === '' ? [required(`${field}.name`)] : []),
    ...(name === '' ? [] : ruled(`${field}.name`, name, dnsLabel)),
    ...(name !== '' && earlier.some(one => one.name === name) ? [duplicate(`${field}.name`, name)] : []),
    ...(wrongPort === undefined ? [] : [invalid(`${field}.port`, port.port, wrongPort)]),
    ...(isSamePort ? [duplicate(field, { port: port.port, protocol: port.protocol })] : []),
    ...oneOf(`${field}.protocol`, port.protocol, ['SCTP', 'TCP', 'UDP']),
    ...(port.targetPort === undefined || port.targetPort === 0
      ? []
      : targetCauses(port.targetPort, `${field}.targetPort`)),
    ...((port.appProtocol ?? '') === '' ? [] : ruled(`${field}.appProtocol`, port.appProtocol ?? '', qualifiedName)),
    ...nodePortCauses(port, earlier, spec, `${field}.nodePort`),
  ]
}

const nodePortCauses = (
  port: ServicePort,
  earlier: readonly ServicePort[],
  spec: ServiceSpec,
  field: string,
): readonly FaultCause[] => {
  const number = port.nodePort ?? 0
  if (number === 0) return []
  if (!isOutside(spec)) return [forbidden(field, `may not be used when \`type\` is '${spec.type}'`)]
  if (number < nodePortRange.first || number > nodePortRange.last) {
    return [
      invalid(
        field,
        number,
        `provided port is not in the valid range. The range of valid ports is ${nodePortRange.first}-${nodePortRange.last}`,
      ),
    ]
  }
  return earlier.some(one => one.nodePort === number && one.protocol === port.protocol)
    ? [duplicate(field, number)]
    : []
}

const addressCauses = (spec: ServiceSpec, before: ServiceSpec | undefined): readonly FaultCause[] => {
  const address = spec.clusterIP ?? ''
  if (spec.type === 'ExternalName') {
    const name = spec.externalName ?? ''
    return [
      ...(address === '' ? [] : [forbidden('spec.clusterIPs', 'may not be set for ExternalName services')]),
      ...(name === ''
        ? [required('spec.externalName')]
        : ruled('spec.externalName', name.replace(/\.$/, ''), dnsSubdomain)),
    ]
  }
  const was = before?.type === 'ExternalName' ? '' : (before?.clusterIP ?? '')
  return [
    ...(address === 'None' && isOutside(spec)
      ? [invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`)]
      : []),
    ...(address === '' || address === 'None' || isIPv4(address) || isIPv6(address)
      ? []
      : [invalid('spec.clusterIPs[0]', address, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')]),
    ...((spec.clusterIPs?.[0] ?? address) === address
      ? []
      : [invalid('spec.clusterIPs', spec.clusterIPs, 'first value must match `clusterIP`')]),
    ...((spec.clusterIPs?.length ?? 0) > 1
      ? [invalid('spec.clusterIPs', spec.clusterIPs, 'may specify no more than one IP in a single-stack network')]
      : []),
    ...(was !== '' && was !== address ? [invalid('spec.clusterIPs[0]', address, 'may not change once set')] : []),
  ]
}

const affinityCauses = (spec: ServiceSpec): readonly FaultCause[] => {
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds
  const field = 'spec.sessionAffinityConfig'
  return [
    ...oneOf('spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None']),
    ...(spec.sessionAffinity !== 'ClientIP' && spec.sessionAffinityConfig !== undefined
      ? [forbidden(field, "must not be set when session affinity is 'None'")]
      : []),
    ...(seconds !== undefined && (seconds < 1 || seconds > 86_400)
      ? [invalid(`${field}.clientIP.timeoutSeconds`, seconds, 'must be greater than 0 and less than 86400')]
      : []),
  ]
}

const policyCauses = (spec: ServiceSpec): readonly FaultCause[] => [
  ...oneOf('spec.internalTrafficPolicy', spec.internalTrafficPolicy, ['Cluster', 'Local']),
  ...((spec.externalTrafficPolicy ?? '') === ''
    ? []
    : isOutside(spec)
      ? oneOf('spec.externalTrafficPolicy', spec.externalTrafficPolicy, ['Cluster', 'Local'])
      : [
          invalid(
            'spec.externalTrafficPolicy',
            spec.externalTrafficPolicy,
            'may only be set for externally-accessible services',
          ),
        ]),
  ...(spec.type !== 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== undefined
    ? [forbidden('spec.allocateLoadBalancerNodePorts', "may only be used when `type` is 'LoadBalancer'")]
    : []),
]
