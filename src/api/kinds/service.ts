import type { Cell, Column } from '../kind.ts'
import { dns1035Label } from '../names.ts'
import { serviceCauses } from '../services/service-causes.ts'
import { serviceWarnings } from '../services/service-warnings.ts'
import type { Service, ServicePort, ServiceSpec } from '../types.ts'
import { age, ageColumn, aKind, column, labelsText, nameColumn, nameOf, orNone, wideColumn } from './a-kind.ts'

const columns: readonly Column[] = [
  nameColumn,
  column('Type', 'type determines how the Service is exposed.'),
  column('Cluster-IP', 'clusterIP is the IP address of the service.'),
  column('External-IP', 'Addresses at which the Service is reached from outside.'),
  column('Port(s)', 'The list of ports that are exposed by this service.'),
  ageColumn,
  wideColumn('Selector', 'Route service traffic to pods with label keys and values matching this selector.'),
]

export const serviceKind = aKind<Service>({
  group: '',
  version: 'v1',
  kind: 'Service',
  plural: 'services',
  shortNames: ['svc'],
  categories: ['all'],
  isNamespaced: true,
  subresources: ['status', 'proxy'],
  nameRule: dns1035Label,
  defaults: service => ({
    ...service,
    spec: serviceSpecDefaults(service.spec ?? {}),
    status: { loadBalancer: {}, ...service.status },
  }),
  validate: serviceCauses,
  warnings: serviceWarnings,
  selectableFields: service => ({
    'spec.clusterIP': service.spec?.clusterIP ?? '',
    'spec.type': service.spec?.type ?? '',
  }),
  columns,
  cells: serviceCells,
})

/** k8s: core/v1 SetDefaults_Service, and what the allocator adds on a network of IPv4 alone. */
const serviceSpecDefaults = (spec: ServiceSpec): ServiceSpec => {
  const type = spec.type || 'ClusterIP'
  const isExternalName = type === 'ExternalName'
  const isReachedFromOutside = type === 'NodePort' || type === 'LoadBalancer' || (spec.externalIPs?.length ?? 0) > 0
  const sessionAffinity = spec.sessionAffinity || 'None'
  const clusterIP = spec.clusterIP ?? spec.clusterIPs?.[0]
  return {
    ...spec,
    type,
    sessionAffinity,
    ...(sessionAffinity === 'ClientIP'
      ? {
          sessionAffinityConfig: {
            ...spec.sessionAffinityConfig,
            clientIP: { timeoutSeconds: 10_800, ...spec.sessionAffinityConfig?.clientIP },
          },
        }
      : {}),
    ...(spec.ports === undefined ? {} : { ports: spec.ports.map(portDefaults) }),
    ...(isExternalName
      ? {}
      : {
          internalTrafficPolicy: spec.internalTrafficPolicy ?? 'Cluster',
          ipFamilies: spec.ipFamilies ?? ['IPv4'],
          ipFamilyPolicy: spec.ipFamilyPolicy ?? 'SingleStack',
        }),
    ...(clusterIP === undefined || clusterIP === '' || isExternalName
      ? {}
      : { clusterIP, clusterIPs: spec.clusterIPs ?? [clusterIP] }),
    ...(isReachedFromOutside && !isExternalName
      ? { externalTrafficPolicy: spec.externalTrafficPolicy || 'Cluster' }
      : {}),
    ...(type === 'LoadBalancer' ? { allocateLoadBalancerNodePorts: spec.allocateLoadBalancerNodePorts ?? true } : {}),
  }
}

const portDefaults = (port: ServicePort): ServicePort => ({
  ...port,
  protocol: port.protocol || 'TCP',
  targetPort: port.targetPort || port.port,
})

function serviceCells(service: Service, now: number): readonly Cell[] {
  return [
    nameOf(service),
    service.spec?.type ?? '',
    orNone(service.spec?.clusterIPs?.[0] ?? service.spec?.clusterIP),
    externalAddresses(service),
    orNone((service.spec?.ports ?? []).map(portText).join(',')),
    age(service, now),
    labelsText(service.spec?.selector),
  ]
}

const portText = (port: ServicePort): string => {
  const protocol = port.protocol ?? 'TCP'
  return port.nodePort === undefined || port.nodePort === 0
    ? `${port.port}/${protocol}`
    : `${port.port}:${port.nodePort}/${protocol}`
}

/** The EXTERNAL-IP text (k8s: getServiceExternalIP). */
const externalAddresses = (service: Service): string => {
  const own = service.spec?.externalIPs ?? []
  switch (service.spec?.type) {
    case 'ExternalName':
      return service.spec.externalName ?? ''
    case 'LoadBalancer': {
      const balanced = (service.status?.loadBalancer?.ingress ?? []).map(one => one.ip ?? one.hostname ?? '')
      const all = [...balanced.filter(one => one !== ''), ...own]
      return all.length === 0 ? '<pending>' : all.join(',')
    }
    default:
      return orNone(own.join(','))
  }
}
