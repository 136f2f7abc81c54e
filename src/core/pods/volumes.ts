import { unitsOf } from '../../api/quantity.ts'
import type { KeyToPath, Pod, Volume } from '../../api/types.ts'
import type { Sources } from './env.ts'
import { type FieldFacts, fieldValue, resourceValue } from './field-ref.ts'

/**
 * What a volume of a pod is on the node. `files`: we write them, shown through a `..data` link so that they change all
 * at once. `emptyDir`: a folder that lives as long as the pod; in memory a tmpfs of at most `bytes`.
 */
export type VolumePlan = { readonly name: string } & (
  | { readonly type: 'files'; readonly files: readonly VolumeFile[] }
  | { readonly type: 'emptyDir'; readonly medium: 'disk' | 'memory'; readonly bytes?: number }
  | { readonly type: 'hostPath'; readonly path: string; readonly check: HostPathType }
)

export interface VolumeFile {
  /** Relative, without `..`. */
  readonly path: string
  readonly content: string
  readonly encoding: 'utf8' | 'base64'
  /** Permission bits. */
  readonly mode: number
}

export const hostPathTypes = [
  '',
  'DirectoryOrCreate',
  'Directory',
  'FileOrCreate',
  'File',
  'Socket',
  'CharDevice',
  'BlockDevice',
] as const

export type HostPathType = (typeof hostPathTypes)[number]

export type VolumesPlan =
  | { readonly volumes: readonly VolumePlan[] }
  /** Why they cannot be made now: `MountVolume.SetUp failed for volume "x": configmap "y" not found`. */
  | { readonly missing: string }

/**
 * The volumes of a pod as things to make, from ConfigMaps, Secrets and fields. A missing source that is not optional
 * is said, not thrown.
 */
export const planVolumes = (pod: Pod, sources: Sources, fields: FieldFacts): VolumesPlan => {
  const volumes: VolumePlan[] = []
  for (const volume of pod.spec?.volumes ?? []) {
    const planned = planVolume(volume, pod, sources, fields)
    if ('missing' in planned)
      return { missing: `MountVolume.SetUp failed for volume "${volume.name}": ${planned.missing}` }
    volumes.push(planned)
  }
  return { volumes }
}

type Missing = { readonly missing: string }

const planVolume = (volume: Volume, pod: Pod, sources: Sources, fields: FieldFacts): VolumePlan | Missing => {
  const { name } = volume
  if (volume.emptyDir) {
    const { medium, sizeLimit } = volume.emptyDir
    const bytes = sizeLimit === undefined ? undefined : Number(unitsOf(sizeLimit))
    return { name, type: 'emptyDir', medium: medium === 'Memory' ? 'memory' : 'disk', ...(bytes ? { bytes } : {}) }
  }
  if (volume.hostPath) {
    const check = hostPathTypes.find(type => type === (volume.hostPath?.type ?? ''))
    if (check === undefined) return { missing: `hostPath type "${volume.hostPath.type}" is not known` }
    return { name, type: 'hostPath', path: volume.hostPath.path, check }
  }
  const parts = projectionsOf(volume)
  if (parts === undefined) return { missing: `this release has no volumes of type ${typeOf(volume)}` }
  const files = new Map<string, VolumeFile>()
  for (const part of parts.sources) {
    const made = filesOf(part, pod, sources, fields, parts.defaultMode)
    if (!Array.isArray(made)) return made as Missing
    for (const file of made as readonly VolumeFile[]) files.set(file.path, file)
  }
  return { name, type: 'files', files: [...files.values()] }
}

const typeOf = (volume: Volume): string => Object.keys(volume).find(key => key !== 'name') ?? 'none'

type Projection = NonNullable<NonNullable<Volume['projected']>['sources']>[number]

/** configMap, secret and downwardAPI volumes are projected volumes of one source. */
const projectionsOf = (
  volume: Volume,
): { readonly sources: readonly Projection[]; readonly defaultMode: number } | undefined => {
  const { configMap, secret, downwardAPI, projected } = volume
  if (configMap) return { sources: [{ configMap }], defaultMode: configMap.defaultMode ?? 0o644 }
  if (secret) {
    const { secretName, ...rest } = secret
    return { sources: [{ secret: { ...rest, name: secretName } }], defaultMode: secret.defaultMode ?? 0o644 }
  }
  if (downwardAPI) return { sources: [{ downwardAPI }], defaultMode: downwardAPI.defaultMode ?? 0o644 }
  if (projected) return { sources: projected.sources ?? [], defaultMode: projected.defaultMode ?? 0o644 }
  return undefined
}

const filesOf = (
  part: Projection,
  pod: Pod,
  sources: Sources,
  fields: FieldFacts,
  defaultMode: number,
): readonly VolumeFile[] | Missing => {
  const namespace = pod.metadata.namespace ?? ''
  if (part.configMap) {
    const { name = '', items, optional = false } = part.configMap
    const found = sources.configMap(namespace, name)
    if (found === undefined) return optional ? [] : { missing: `configmap "${name}" not found` }
    const entries = new Map<string, Content>([
      ...Object.entries(found.data ?? {}).map(([key, content]) => [key, { content, encoding: 'utf8' }] as const),
      ...Object.entries(found.binaryData ?? {}).map(
        ([key, content]) => [key, { content, encoding: 'base64' }] as const,
      ),
    ])
    return chosen(entries, items, optional, defaultMode, `configmap "${name}"`)
  }
  if (part.secret) {
    const { name = '', items, optional = false } = part.secret
    const found = sources.secret(namespace, name)
    if (found === undefined) return optional ? [] : { missing: `secret "${name}" not found` }
    const entries = new Map<string, Content>(
      Object.entries(found.data ?? {}).map(([key, content]) => [key, { content, encoding: 'base64' }] as const),
    )
    return chosen(entries, items, optional, defaultMode, `secret "${name}"`)
  }
  if (part.downwardAPI) return downwardFiles(part.downwardAPI, pod, fields, defaultMode)
  return { missing: `this release projects no ${Object.keys(part)[0] ?? 'empty source'}` }
}

type Content = Pick<VolumeFile, 'content' | 'encoding'>

const chosen = (
  entries: ReadonlyMap<string, Content>,
  items: readonly KeyToPath[] | undefined,
  optional: boolean,
  defaultMode: number,
  what: string,
): readonly VolumeFile[] | Missing => {
  if (items === undefined || items.length === 0)
    return [...entries].map(([path, content]) => ({ path, ...content, mode: defaultMode }))
  const files: VolumeFile[] = []
  for (const item of items) {
    const content = entries.get(item.key)
    if (content === undefined && optional) continue
    if (content === undefined) return { missing: `${what} has no key "${item.key}"` }
    if (!isInside(item.path)) return { missing: `path "${item.path}" leaves the volume` }
    files.push({ path: item.path, ...content, mode: item.mode ?? defaultMode })
  }
  return files
}

const downwardFiles = (
  source: NonNullable<Projection['downwardAPI']>,
  pod: Pod,
  fields: FieldFacts,
  defaultMode: number,
): readonly VolumeFile[] | Missing => {
  const files: VolumeFile[] = []
  for (const item of source.items ?? []) {
    const named = item.resourceFieldRef?.containerName
    const container = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].find(
      one => one.name === named,
    )
    const content = item.fieldRef
      ? fieldValue(item.fieldRef.fieldPath, fields)
      : item.resourceFieldRef && container
        ? resourceValue(item.resourceFieldRef, container, fields.node)
        : undefined
    if (content === undefined) return { missing: `the source of "${item.path}" cannot be read` }
    if (!isInside(item.path)) return { missing: `path "${item.path}" leaves the volume` }
    files.push({ path: item.path, content, encoding: 'utf8', mode: item.mode ?? defaultMode })
  }
  return files
}

/** Whether a relative path stays below where it starts. */
export const isInside = (path: string): boolean =>
  path !== '' && !path.startsWith('/') && !path.includes('\0') && !path.split('/').includes('..')
