import { duplicate, forbidden, invalid, notSupported, oneOf, required, ruled } from '../causes.ts'
import type { FaultCause } from '../fault.ts'
import { dnsLabel, ipAddress, portName, portNumber } from '../names.ts'
import type { Container, ContainerPort } from '../types.ts'
import { envCauses, envFromCauses } from './env-causes.ts'
import { lifecycleCauses, probeCauses } from './probe-causes.ts'
import { resourceCauses } from './resource-causes.ts'
import { securityCauses } from './security-causes.ts'
import { mountCauses } from './volume-causes.ts'

/** What a container's rules depend on in its pod. */
export interface ContainerPlace {
  readonly volumes: ReadonlySet<string>
  readonly isHostNetwork: boolean
  readonly isInit?: boolean
}

/** What is wrong with a container at `field` (k8s: validateContainers, validateInitContainers). */
export const containerCauses = (container: Container, field: string, place: ContainerPlace): readonly FaultCause[] => {
  const image = container.image ?? ''
  const isInit = place.isInit === true
  const isSidecar = isInit && container.restartPolicy === 'Always'
  return [
    ...(container.name === '' ? [required(`${field}.name`)] : ruled(`${field}.name`, container.name, dnsLabel)),
    ...(image === ''
      ? [required(`${field}.image`)]
      : image !== image.trim()
        ? [invalid(`${field}.image`, image, 'must not have leading or trailing whitespace')]
        : []),
    ...oneOf(`${field}.imagePullPolicy`, container.imagePullPolicy, ['Always', 'IfNotPresent', 'Never']),
    ...oneOf(`${field}.terminationMessagePolicy`, container.terminationMessagePolicy, [
      'FallbackToLogsOnError',
      'File',
    ]),
    ...restartCauses(container, field, isInit),
    ...portsCauses(container.ports ?? [], `${field}.ports`, place.isHostNetwork),
    ...envCauses(container.env ?? [], `${field}.env`),
    ...envFromCauses(container.envFrom ?? [], `${field}.envFrom`),
    ...mountCauses(container.volumeMounts ?? [], `${field}.volumeMounts`, place.volumes),
    ...resourceCauses(container.resources, `${field}.resources`),
    ...securityCauses(container.securityContext, `${field}.securityContext`),
    ...(isInit && !isSidecar ? initOnlyCauses(container, field) : watchedCauses(container, field)),
  ]
}

const restartCauses = (container: Container, field: string, isInit: boolean): readonly FaultCause[] => {
  if (container.restartPolicy === undefined) return []
  if (!isInit) return [forbidden(`${field}.restartPolicy`, 'may not be set for non-init containers')]
  return container.restartPolicy === 'Always'
    ? []
    : [notSupported(`${field}.restartPolicy`, container.restartPolicy, ['Always'])]
}

const watchedCauses = (container: Container, field: string): readonly FaultCause[] => [
  ...probeCauses(container.livenessProbe, `${field}.livenessProbe`, 'once'),
  ...probeCauses(container.readinessProbe, `${field}.readinessProbe`, 'often'),
  ...probeCauses(container.startupProbe, `${field}.startupProbe`, 'once'),
  ...lifecycleCauses(container.lifecycle, `${field}.lifecycle`),
]

const initOnlyCauses = (container: Container, field: string): readonly FaultCause[] =>
  (['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const)
    .filter(name => container[name] !== undefined)
    .map(name => forbidden(`${field}.${name}`, 'may not be set for init containers without restartPolicy=Always'))

const portsCauses = (ports: readonly ContainerPort[], field: string, isHostNetwork: boolean): readonly FaultCause[] =>
  ports.flatMap((port, index) => {
    const at = `${field}[${index}]`
    const name = port.name ?? ''
    const wrongPort = portNumber(port.containerPort)
    const wrongHostPort = port.hostPort === undefined || port.hostPort === 0 ? undefined : portNumber(port.hostPort)
    return [
      ...(name === '' ? [] : ruled(`${at}.name`, name, portName)),
      ...(name !== '' && ports.findIndex(one => one.name === name) < index ? [duplicate(`${at}.name`, name)] : []),
      ...(port.containerPort === 0
        ? [required(`${at}.containerPort`)]
        : wrongPort === undefined
          ? []
          : [invalid(`${at}.containerPort`, port.containerPort, wrongPort)]),
      ...(wrongHostPort === undefined ? [] : [invalid(`${at}.hostPort`, port.hostPort, wrongHostPort)]),
      ...(isHostNetwork && port.hostPort !== undefined && port.hostPort !== 0 && port.hostPort !== port.containerPort
        ? [invalid(`${at}.containerPort`, port.containerPort, 'must match `hostPort` when `hostNetwork` is true')]
        : []),
      ...(port.hostIP === undefined || port.hostIP === '' ? [] : ruled(`${at}.hostIP`, port.hostIP, ipAddress)),
      ...oneOf(`${at}.protocol`, port.protocol, ['SCTP', 'TCP', 'UDP']),
    ]
  })
