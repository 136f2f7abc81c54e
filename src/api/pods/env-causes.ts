import { invalid, notSupported, required, ruled } from '../causes.ts'
import type { FaultCause } from '../fault.ts'
import { configKey, dnsSubdomain, envVarName, qualifiedName } from '../names.ts'
import { tryParseQuantity } from '../quantity.ts'
import type { EnvFromSource, EnvVar, EnvVarSource, ObjectFieldSelector, ResourceFieldSelector } from '../types.ts'

/** What is wrong with environment variables (k8s: ValidateEnv). */
export const envCauses = (env: readonly EnvVar[], field: string): readonly FaultCause[] =>
  env.flatMap((one, index) => {
    const at = `${field}[${index}]`
    return [
      ...(one.name === '' ? [required(`${at}.name`)] : ruled(`${at}.name`, one.name, envVarName)),
      ...(one.valueFrom === undefined ? [] : sourceCauses(one.valueFrom, one.value ?? '', `${at}.valueFrom`)),
    ]
  })

const sourceCauses = (from: EnvVarSource, value: string, field: string): readonly FaultCause[] => {
  const sources = Object.values(from).filter(source => source !== undefined)
  if (sources.length === 0) {
    return [
      invalid(
        field,
        '',
        'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
      ),
    ]
  }
  return [
    ...(value === '' ? [] : [invalid(field, '', 'may not be specified when `value` is not empty')]),
    ...(sources.length > 1 ? [invalid(field, '', 'may not have more than one field specified at a time')] : []),
    ...(from.fieldRef === undefined ? [] : fieldRefCauses(from.fieldRef, `${field}.fieldRef`, envFields)),
    ...(from.resourceFieldRef === undefined
      ? []
      : resourceRefCauses(from.resourceFieldRef, `${field}.resourceFieldRef`, false)),
    ...(from.configMapKeyRef === undefined ? [] : keyRefCauses(from.configMapKeyRef, `${field}.configMapKeyRef`)),
    ...(from.secretKeyRef === undefined ? [] : keyRefCauses(from.secretKeyRef, `${field}.secretKeyRef`)),
  ]
}

const keyRefCauses = (ref: { readonly name?: string; readonly key: string }, field: string): readonly FaultCause[] => [
  ...((ref.name ?? '') === '' ? [required(`${field}.name`)] : []),
  ...(ref.key === '' ? [required(`${field}.key`)] : ruled(`${field}.key`, ref.key, configKey)),
]

/** Fields of the pod that a variable may be made of. */
const envFields = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
]

/** Fields of the pod that a file may be made of. */
export const fileFields = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
]

/** One of the fields, or one label or annotation: `metadata.labels['app']`. */
export const fieldRefCauses = (
  ref: ObjectFieldSelector,
  field: string,
  supported: readonly string[],
): readonly FaultCause[] => {
  if (ref.fieldPath === '') return [required(`${field}.fieldPath`)]
  const keyed = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(ref.fieldPath)
  if (keyed !== null) return ruled(`${field}.fieldPath`, keyed[2] ?? '', key => qualifiedName(key.toLowerCase()))
  return supported.includes(ref.fieldPath) ? [] : [notSupported(`${field}.fieldPath`, ref.fieldPath, supported)]
}

const resources = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
]

export const resourceRefCauses = (
  ref: ResourceFieldSelector,
  field: string,
  needsContainer: boolean,
): readonly FaultCause[] => {
  const divisor = tryParseQuantity(ref.divisor ?? '0')
  return [
    ...(needsContainer && (ref.containerName ?? '') === '' ? [required(`${field}.containerName`)] : []),
    ...(ref.resource === ''
      ? [required(`${field}.resource`)]
      : resources.includes(ref.resource)
        ? []
        : [notSupported(`${field}.resource`, ref.resource, resources)]),
    ...(divisor === undefined || divisor < 0n
      ? [invalid(`${field}.divisor`, ref.divisor, 'must be a quantity that is not negative')]
      : []),
  ]
}

/** What is wrong with whole ConfigMaps and Secrets as environment (k8s: ValidateEnvFrom). */
export const envFromCauses = (sources: readonly EnvFromSource[], field: string): readonly FaultCause[] =>
  sources.flatMap((one, index) => {
    const at = `${field}[${index}]`
    const refs = [['configMapRef', one.configMapRef] as const, ['secretRef', one.secretRef] as const].filter(
      ([, ref]) => ref !== undefined,
    )
    return [
      ...((one.prefix ?? '') === '' ? [] : ruled(`${at}.prefix`, one.prefix ?? '', envVarName)),
      ...(refs.length === 0 ? [invalid(at, '', 'must specify one of: `configMapRef` or `secretRef`')] : []),
      ...(refs.length > 1 ? [invalid(at, '', 'may not have more than one field specified at a time')] : []),
      ...refs.flatMap(([name, ref]) =>
        (ref?.name ?? '') === ''
          ? [required(`${at}.${name}.name`)]
          : ruled(`${at}.${name}.name`, ref?.name ?? '', dnsSubdomain),
      ),
    ]
  })
