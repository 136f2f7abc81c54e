import { forbidden, invalid, notNegative, oneOf, required } from '../causes.ts'
import type { FaultCause } from '../fault.ts'
import type { PodSpec, SeccompProfile, SecurityContext } from '../types.ts'

/** What is wrong with a container's rights (k8s: ValidateSecurityContext). */
export const securityCauses = (security: SecurityContext | undefined, field: string): readonly FaultCause[] => {
  if (security === undefined) return []
  const mayNotEscalate = security.allowPrivilegeEscalation === false
  const added = security.capabilities?.add ?? []
  return [
    ...notNegative(`${field}.runAsUser`, security.runAsUser),
    ...notNegative(`${field}.runAsGroup`, security.runAsGroup),
    ...oneOf(`${field}.procMount`, security.procMount, ['Default', 'Unmasked']),
    ...seccompCauses(security.seccompProfile, `${field}.seccompProfile`),
    ...(mayNotEscalate && security.privileged === true
      ? [invalid(field, '', 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true')]
      : []),
    ...(mayNotEscalate && added.some(one => one === 'CAP_SYS_ADMIN')
      ? [invalid(field, '', 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN')]
      : []),
  ]
}

/** What is wrong with the rights that a pod's containers share. */
export const podSecurityCauses = (spec: PodSpec, field: string): readonly FaultCause[] => {
  const security = spec.securityContext
  const at = `${field}.securityContext`
  const sysctls = security?.sysctls ?? []
  return [
    ...(spec.shareProcessNamespace === true && spec.hostPID === true
      ? [invalid(`${field}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled')]
      : []),
    ...notNegative(`${at}.runAsUser`, security?.runAsUser),
    ...notNegative(`${at}.runAsGroup`, security?.runAsGroup),
    ...notNegative(`${at}.fsGroup`, security?.fsGroup),
    ...(security?.supplementalGroups ?? []).flatMap((one, index) =>
      notNegative(`${at}.supplementalGroups[${index}]`, one),
    ),
    ...seccompCauses(security?.seccompProfile, `${at}.seccompProfile`),
    ...sysctls.flatMap((one, index) => sysctlCauses(one.name, spec, `${at}.sysctls[${index}].name`)),
  ]
}

const seccompCauses = (profile: SeccompProfile | undefined, field: string): readonly FaultCause[] => {
  if (profile === undefined) return []
  return [
    ...(profile.type === ''
      ? [required(`${field}.type`, 'type is required when seccompProfile is set')]
      : oneOf(`${field}.type`, profile.type, ['Localhost', 'RuntimeDefault', 'Unconfined'])),
  ]
}

/** Sysctls of a namespace that the pod has for itself: any other would change the host. */
const sysctlCauses = (name: string, spec: PodSpec, field: string): readonly FaultCause[] => {
  if (name === '') return [required(field)]
  if (!/^[a-z0-9]([-_a-z0-9]*[a-z0-9])?([./][a-z0-9]([-_a-z0-9]*[a-z0-9])?)*$/.test(name)) {
    return [invalid(field, name, 'must be the name of a sysctl, such as net.core.somaxconn')]
  }
  const dotted = name.replaceAll('/', '.')
  if (dotted.startsWith('net.')) {
    return spec.hostNetwork === true ? [forbidden(field, 'not allowed with host net enabled')] : []
  }
  const isIpc = /^(?:kernel\.(?:shm|msg|sem)|fs\.mqueue\.)/.test(dotted)
  if (!isIpc) return [forbidden(field, 'it is not a sysctl of a namespace: it would change the whole node')]
  return spec.hostIPC === true ? [forbidden(field, 'not allowed with host ipc enabled')] : []
}
