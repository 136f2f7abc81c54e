import { duplicate, forbidden, invalid, notNegative, notSupported, oneOf, required, ruled } from '../causes.ts'
import type { FaultCause } from '../fault.ts'
import { labelCauses } from '../metadata.ts'
import { dnsLabel, dnsSubdomain, ipAddress, qualifiedName } from '../names.ts'
import { supportFindings } from '../support.ts'
import type { Pod, PodSpec } from '../types.ts'
import { type ContainerPlace, containerCauses } from './container-causes.ts'
import { nodeAffinityCauses, tolerationCauses } from './placement-causes.ts'
import { podSupport } from './pod-support.ts'
import { podUpdateCauses } from './pod-update-causes.ts'
import { podSecurityCauses } from './security-causes.ts'
import { volumeCauses } from './volume-causes.ts'

/** What is wrong with a pod (k8s: core/validation, ValidatePod and ValidatePodUpdate). */
export const podCauses = (pod: Pod, before: Pod | undefined): readonly FaultCause[] => {
  if (pod.spec === undefined) return [required('spec.containers')]
  return [
    // What was taken once stays taken: only what an update may change is looked at again.
    ...(before === undefined ? podSpecCauses(pod.spec, 'spec') : podUpdateCauses(pod, before)),
  ]
}

const maxInt32 = 2 ** 31 - 1

/** What is wrong with a pod's spec at `field`, in a pod or in a template. */
export const podSpecCauses = (spec: PodSpec, field: string): readonly FaultCause[] => {
  const volumes = new Set((spec.volumes ?? []).map(one => one.name))
  const place: ContainerPlace = { volumes, isHostNetwork: spec.hostNetwork === true }
  const deadline = spec.activeDeadlineSeconds
  return [
    ...containersCauses(spec, field, place),
    ...hostPortCauses(spec, field),
    ...volumeCauses(spec.volumes ?? [], `${field}.volumes`),
    ...oneOf(`${field}.restartPolicy`, spec.restartPolicy, ['Always', 'OnFailure', 'Never']),
    ...dnsCauses(spec, field),
    ...nodeSelectorCauses(spec, field),
    ...nodeAffinityCauses(spec.affinity?.nodeAffinity, `${field}.affinity.nodeAffinity`),
    ...tolerationCauses(spec.tolerations ?? [], `${field}.tolerations`),
    ...podSecurityCauses(spec, field),
    ...nameCauses(spec, field),
    ...notNegative(`${field}.terminationGracePeriodSeconds`, spec.terminationGracePeriodSeconds),
    ...(deadline !== undefined && (deadline < 1 || deadline > maxInt32)
      ? [invalid(`${field}.activeDeadlineSeconds`, deadline, `must be between 1 and ${maxInt32}, inclusive`)]
      : []),
    ...(spec.imagePullSecrets ?? []).flatMap((one, index) =>
      (one.name ?? '') === '' ? [required(`${field}.imagePullSecrets[${index}].name`)] : [],
    ),
    ...hostAliasCauses(spec, field),
    ...supportFindings(spec, 'PodSpec', field, podSupport).causes,
  ]
}

const containersCauses = (spec: PodSpec, field: string, place: ContainerPlace): readonly FaultCause[] => {
  const containers = spec.containers ?? []
  const inits = spec.initContainers ?? []
  const names = [...inits, ...containers].map(one => one.name)
  return [
    ...(containers.length === 0 ? [required(`${field}.containers`)] : []),
    ...inits.flatMap((one, index) => {
      const at = `${field}.initContainers[${index}]`
      return [
        ...containerCauses(one, at, { ...place, isInit: true }),
        ...(names.indexOf(one.name) < index ? [duplicate(`${at}.name`, one.name)] : []),
      ]
    }),
    ...containers.flatMap((one, index) => {
      const at = `${field}.containers[${index}]`
      return [
        ...containerCauses(one, at, place),
        ...(names.indexOf(one.name) < inits.length + index ? [duplicate(`${at}.name`, one.name)] : []),
      ]
    }),
  ]
}

/** Two containers of a pod cannot have the same port of the host (k8s: checkHostPortConflicts). */
const hostPortCauses = (spec: PodSpec, field: string): readonly FaultCause[] => {
  const seen = new Set<string>()
  return (spec.containers ?? []).flatMap((container, index) =>
    (container.ports ?? []).flatMap((port, number) => {
      if (port.hostPort === undefined || port.hostPort === 0) return []
      const key = `${port.protocol ?? 'TCP'}/${port.hostIP ?? ''}/${port.hostPort}`
      if (seen.has(key)) return [duplicate(`${field}.containers[${index}].ports[${number}].hostPort`, key)]
      seen.add(key)
      return []
    }),
  )
}

const dnsCauses = (spec: PodSpec, field: string): readonly FaultCause[] => {
  const servers = spec.dnsConfig?.nameservers ?? []
  const searches = spec.dnsConfig?.searches ?? []
  return [
    ...oneOf(`${field}.dnsPolicy`, spec.dnsPolicy, ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']),
    ...(spec.dnsPolicy === 'None' && servers.length === 0
      ? [
          required(
            `${field}.dnsConfig.nameservers`,
            'must provide at least one DNS nameserver when `dnsPolicy` is None',
          ),
        ]
      : []),
    ...(servers.length > 3
      ? [invalid(`${field}.dnsConfig.nameservers`, servers, 'must not have more than 3 nameservers')]
      : []),
    ...servers.flatMap((one, index) => ruled(`${field}.dnsConfig.nameservers[${index}]`, one, ipAddress)),
    ...(searches.length > 32
      ? [invalid(`${field}.dnsConfig.searches`, searches.length, 'must not have more than 32 search paths')]
      : []),
    ...searches.flatMap((one, index) =>
      ruled(`${field}.dnsConfig.searches[${index}]`, one.replace(/\.$/, ''), text =>
        text === '' ? undefined : dnsSubdomain(text.replaceAll('_', '-')),
      ),
    ),
    ...(spec.dnsConfig?.options ?? []).flatMap((one, index) =>
      (one.name ?? '') === '' ? [required(`${field}.dnsConfig.options[${index}]`, 'must not be empty')] : [],
    ),
  ]
}

const nodeSelectorCauses = (spec: PodSpec, field: string): readonly FaultCause[] =>
  labelCauses(`${field}.nodeSelector`, spec.nodeSelector)

const nameCauses = (spec: PodSpec, field: string): readonly FaultCause[] => [
  ...named(`${field}.hostname`, spec.hostname, dnsLabel),
  ...named(`${field}.subdomain`, spec.subdomain, dnsLabel),
  ...named(`${field}.nodeName`, spec.nodeName, dnsSubdomain),
  ...named(`${field}.serviceAccountName`, spec.serviceAccountName, dnsSubdomain),
  ...named(`${field}.priorityClassName`, spec.priorityClassName, dnsSubdomain),
  ...(spec.readinessGates ?? []).flatMap((one, index) =>
    ruled(`${field}.readinessGates[${index}].conditionType`, one.conditionType, qualifiedName),
  ),
  ...(spec.schedulingGates ?? []).flatMap((one, index, all) => [
    ...ruled(`${field}.schedulingGates[${index}]`, one.name, qualifiedName),
    ...(all.findIndex(other => other.name === one.name) < index
      ? [duplicate(`${field}.schedulingGates[${index}]`, one.name)]
      : []),
  ]),
  ...(spec.os !== undefined && spec.os.name !== 'linux' && spec.os.name !== 'windows'
    ? [notSupported(`${field}.os.name`, spec.os.name, ['linux', 'windows'])]
    : []),
  ...((spec.schedulingGates?.length ?? 0) > 0 && (spec.nodeName ?? '') !== ''
    ? [forbidden(`${field}.nodeName`, 'cannot be set until all schedulingGates have been cleared')]
    : []),
]

const named = (field: string, value: string | undefined, rule: typeof dnsLabel): readonly FaultCause[] =>
  value === undefined || value === '' ? [] : ruled(field, value, rule)

const hostAliasCauses = (spec: PodSpec, field: string): readonly FaultCause[] =>
  (spec.hostAliases ?? []).flatMap((alias, index) => {
    const at = `${field}.hostAliases[${index}]`
    return [
      ...ruled(`${at}.ip`, alias.ip, ipAddress),
      ...(alias.hostnames ?? []).flatMap((one, number) => ruled(`${at}.hostnames[${number}]`, one, dnsSubdomain)),
    ]
  })
