import { duplicate, forbidden, invalid, notFound, oneOf, required, ruled } from '../causes.ts'
import type { FaultCause } from '../fault.ts'
import { configKey, dnsLabel } from '../names.ts'
import { tryParseQuantity } from '../quantity.ts'
import type { DownwardAPIVolumeFile, KeyToPath, Volume, VolumeMount, VolumeProjection } from '../types.ts'
import { fieldRefCauses, fileFields, resourceRefCauses } from './env-causes.ts'

/** What is wrong with a pod's volumes (k8s: ValidateVolumes). */
export const volumeCauses = (volumes: readonly Volume[], field: string): readonly FaultCause[] =>
  volumes.flatMap((volume, index) => {
    const at = `${field}[${index}]`
    const { name, ...sources } = volume
    const types = Object.entries(sources).filter(([, source]) => source !== undefined)
    return [
      ...(name === '' ? [required(`${at}.name`)] : ruled(`${at}.name`, name, dnsLabel)),
      ...(volumes.findIndex(one => one.name === name) < index ? [duplicate(`${at}.name`, name)] : []),
      ...(types.length === 0 ? [required(at, 'must specify a volume type')] : []),
      ...types.slice(1).map(([type]) => forbidden(`${at}.${type}`, 'may not specify more than 1 volume type')),
      ...sourceCauses(volume, at),
    ]
  })

const hostPathTypes = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
]

const sourceCauses = (volume: Volume, at: string): readonly FaultCause[] => {
  const { configMap, secret, emptyDir, hostPath, projected, downwardAPI } = volume
  const size = emptyDir?.sizeLimit === undefined ? 0n : tryParseQuantity(emptyDir.sizeLimit)
  return [
    ...(configMap === undefined
      ? []
      : [
          ...((configMap.name ?? '') === '' ? [required(`${at}.configMap.name`)] : []),
          ...modeCauses(`${at}.configMap.defaultMode`, configMap.defaultMode),
          ...itemCauses(configMap.items ?? [], `${at}.configMap.items`),
        ]),
    ...(secret === undefined
      ? []
      : [
          ...((secret.secretName ?? '') === '' ? [required(`${at}.secret.secretName`)] : []),
          ...modeCauses(`${at}.secret.defaultMode`, secret.defaultMode),
          ...itemCauses(secret.items ?? [], `${at}.secret.items`),
        ]),
    ...(size === undefined || size < 0n
      ? [forbidden(`${at}.emptyDir.sizeLimit`, 'SizeLimit field must be a valid resource quantity')]
      : []),
    ...(hostPath === undefined
      ? []
      : [
          ...(hostPath.path === ''
            ? [required(`${at}.hostPath.path`)]
            : noBackstep(`${at}.hostPath.path`, hostPath.path)),
          ...oneOf(`${at}.hostPath.type`, hostPath.type, hostPathTypes),
        ]),
    ...(downwardAPI === undefined
      ? []
      : [
          ...modeCauses(`${at}.downwardAPI.defaultMode`, downwardAPI.defaultMode),
          ...(downwardAPI.items ?? []).flatMap((one, index) =>
            downwardCauses(one, `${at}.downwardAPI.items[${index}]`),
          ),
        ]),
    ...(projected === undefined
      ? []
      : [
          ...modeCauses(`${at}.projected.defaultMode`, projected.defaultMode),
          ...(projected.sources ?? []).flatMap((one, index) =>
            projectionCauses(one, `${at}.projected.sources[${index}]`),
          ),
        ]),
  ]
}

const modeCauses = (field: string, mode: number | undefined): readonly FaultCause[] =>
  mode === undefined || (mode >= 0 && mode <= 0o777)
    ? []
    : [invalid(field, mode, 'must be a number between 0 and 0777 (octal), both inclusive')]

const itemCauses = (items: readonly KeyToPath[], field: string): readonly FaultCause[] =>
  items.flatMap((one, index) => {
    const at = `${field}[${index}]`
    return [
      ...(one.key === '' ? [required(`${at}.key`)] : ruled(`${at}.key`, one.key, configKey)),
      ...pathCauses(`${at}.path`, one.path),
      ...modeCauses(`${at}.mode`, one.mode),
    ]
  })

const downwardCauses = (file: DownwardAPIVolumeFile, at: string): readonly FaultCause[] => [
  ...pathCauses(`${at}.path`, file.path),
  ...modeCauses(`${at}.mode`, file.mode),
  ...(file.fieldRef === undefined && file.resourceFieldRef === undefined
    ? [required(at, 'one of fieldRef and resourceFieldRef is required')]
    : []),
  ...(file.fieldRef !== undefined && file.resourceFieldRef !== undefined
    ? [invalid(at, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously')]
    : []),
  ...(file.fieldRef === undefined ? [] : fieldRefCauses(file.fieldRef, `${at}.fieldRef`, fileFields)),
  ...(file.resourceFieldRef === undefined
    ? []
    : resourceRefCauses(file.resourceFieldRef, `${at}.resourceFieldRef`, true)),
]

const projectionCauses = (source: VolumeProjection, at: string): readonly FaultCause[] => {
  const types = Object.entries(source).filter(([, one]) => one !== undefined)
  return [
    ...(types.length === 0 ? [required(at, 'must specify a projection type')] : []),
    ...types.slice(1).map(([type]) => forbidden(`${at}.${type}`, 'may not specify more than 1 volume type per source')),
    ...(source.configMap === undefined
      ? []
      : [
          ...((source.configMap.name ?? '') === '' ? [required(`${at}.configMap.name`)] : []),
          ...itemCauses(source.configMap.items ?? [], `${at}.configMap.items`),
        ]),
    ...(source.secret === undefined
      ? []
      : [
          ...((source.secret.name ?? '') === '' ? [required(`${at}.secret.name`)] : []),
          ...itemCauses(source.secret.items ?? [], `${at}.secret.items`),
        ]),
    ...(source.downwardAPI?.items ?? []).flatMap((one, index) =>
      downwardCauses(one, `${at}.downwardAPI.items[${index}]`),
    ),
  ]
}

/** A path inside a volume: relative, without `..`. */
const pathCauses = (field: string, path: string): readonly FaultCause[] => {
  if (path === '') return [required(field)]
  if (path.startsWith('/')) return [invalid(field, path, 'must be a relative path')]
  return [
    ...noBackstep(field, path),
    ...(path.startsWith('..') && !path.startsWith('../') && path !== '..'
      ? [invalid(field, path, "must not start with '..'")]
      : []),
  ]
}

const noBackstep = (field: string, path: string): readonly FaultCause[] =>
  path.split('/').includes('..') ? [invalid(field, path, "must not contain '..'")] : []

/** What is wrong with a container's mounts (k8s: ValidateVolumeMounts). */
export const mountCauses = (
  mounts: readonly VolumeMount[],
  field: string,
  volumes: ReadonlySet<string>,
): readonly FaultCause[] =>
  mounts.flatMap((mount, index) => {
    const at = `${field}[${index}]`
    const [subPath, subPathExpr] = [mount.subPath ?? '', mount.subPathExpr ?? '']
    return [
      ...(mount.name === ''
        ? [required(`${at}.name`)]
        : volumes.has(mount.name)
          ? []
          : [notFound(`${at}.name`, mount.name)]),
      ...(mount.mountPath === '' ? [required(`${at}.mountPath`)] : []),
      ...(mounts.findIndex(one => one.mountPath === mount.mountPath) < index
        ? [invalid(`${at}.mountPath`, mount.mountPath, 'must be unique')]
        : []),
      ...(subPath !== '' && subPathExpr !== ''
        ? [invalid(`${at}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive')]
        : []),
      ...(subPath === '' ? [] : pathCauses(`${at}.subPath`, subPath)),
      ...(subPathExpr === '' ? [] : pathCauses(`${at}.subPathExpr`, subPathExpr)),
      ...oneOf(`${at}.mountPropagation`, mount.mountPropagation, ['Bidirectional', 'HostToContainer', 'None']),
    ]
  })
