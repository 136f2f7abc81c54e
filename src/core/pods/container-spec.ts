import { tryParseQuantity } from '../../api/quantity.ts'
import type { Container, Pod, VolumeMount } from '../../api/types.ts'
import type { ServiceEntry } from '../services/neighbourhood.ts'
import { environment, type Sources } from './env.ts'
import { expandVariables } from './expand.ts'
import type { NodeFacts } from './field-ref.ts'
import { qosClass } from './qos.ts'
import type { ContainerMount, ContainerSpec } from './runtime.ts'
import { isInside } from './volumes.ts'

export type ResolvedContainer =
  | {
      readonly spec: ContainerSpec
      /** Paths below volumes that must be there before the container is made: made as folders where nothing is. */
      readonly subPaths: readonly { readonly root: string; readonly path: string; readonly mountIndex: number }[]
    }
  /** k8s: CreateContainerConfigError. */
  | { readonly missing: string }

/**
 * Everything the runtime needs of one container: environment, mounts, limits and rights, with no reference left open.
 * What is missing is said, not thrown.
 */
export const containerSpec = (of: {
  readonly pod: Pod
  readonly container: Container
  readonly attempt: number
  readonly specHash: string
  readonly isInit: boolean
  readonly sources: Sources
  readonly services: readonly ServiceEntry[]
  readonly node: NodeFacts
  readonly podIP: string | undefined
  /** Where the volume is on this node; undefined where the pod has no such volume. */
  readonly volumePath: (name: string) => { readonly path: string; readonly isReadOnly: boolean } | undefined
  readonly logMaxBytes: number
}): ResolvedContainer => {
  const { pod, container, node, podIP } = of
  const seccomp = container.securityContext?.seccompProfile ?? pod.spec?.securityContext?.seccompProfile
  if (seccomp?.type === 'Localhost')
    return { missing: 'seccompProfile of type Localhost: this release knows only RuntimeDefault and Unconfined' }
  const made = environment({ ...of, fields: { pod, node, podIP } })
  if ('missing' in made) return made
  const mounts: ContainerMount[] = []
  const subPaths: { root: string; path: string; mountIndex: number }[] = []
  for (const mount of container.volumeMounts ?? []) {
    const volume = of.volumePath(mount.name)
    if (volume === undefined) return { missing: `volumeMount "${mount.name}": the pod has no such volume` }
    const subPath = mount.subPathExpr ? expandVariables(mount.subPathExpr, made.env) : (mount.subPath ?? '')
    if (subPath !== '' && !isInside(subPath)) return { missing: `subPath "${subPath}" leaves the volume` }
    if (/\$\([^)]*\)/.test(mount.subPathExpr ? subPath : ''))
      return { missing: `subPathExpr "${mount.subPathExpr}" uses a variable that is not set` }
    if (subPath !== '') subPaths.push({ root: volume.path, path: subPath, mountIndex: mounts.length })
    mounts.push(mountOf(mount, subPath === '' ? volume.path : `${volume.path}/${subPath}`, volume.isReadOnly))
  }
  const expand = (words: readonly string[] | undefined) => words?.map(word => expandVariables(word, made.env))
  const command = expand(container.command)
  const args = expand(container.args)
  const stopSignal = container.lifecycle?.stopSignal
  const spec: ContainerSpec = {
    podUid: pod.metadata.uid ?? '',
    podNamespace: pod.metadata.namespace ?? '',
    podName: pod.metadata.name ?? '',
    container: container.name,
    attempt: of.attempt,
    specHash: of.specHash,
    isInit: of.isInit,
    image: container.image ?? '',
    ...(command === undefined ? {} : { command }),
    ...(args === undefined ? {} : { args }),
    ...(container.workingDir ? { workingDir: container.workingDir } : {}),
    env: Object.fromEntries(made.env),
    mounts,
    tty: container.tty === true,
    stdin: container.stdin === true,
    resources: resourcesOf(pod, container, node),
    security: securityOf(pod, container),
    terminationMessagePath: container.terminationMessagePath ?? '/dev/termination-log',
    ...(stopSignal === undefined ? {} : { stopSignal }),
    logMaxBytes: of.logMaxBytes,
  }
  return { spec, subPaths }
}

const propagations = { None: 'private', HostToContainer: 'rslave', Bidirectional: 'rshared' } as const

const mountOf = (mount: VolumeMount, source: string, isReadOnly: boolean): ContainerMount => ({
  source,
  destination: mount.mountPath,
  readOnly: isReadOnly || mount.readOnly === true,
  propagation: Object.entries(propagations).find(([name]) => name === mount.mountPropagation)?.[1] ?? 'private',
})

const milliCpu = (quantity: string | undefined): number | undefined => {
  const nanos = quantity === undefined ? undefined : tryParseQuantity(String(quantity))
  return nanos === undefined ? undefined : Number((nanos + 999_999n) / 1_000_000n)
}

const bytesOf = (quantity: string | undefined): number | undefined => {
  const nanos = quantity === undefined ? undefined : tryParseQuantity(String(quantity))
  return nanos === undefined ? undefined : Number(nanos / 1_000_000_000n)
}

/** k8s: MilliCPUToShares, MilliCPUToQuota, GetContainerOOMScoreAdjust. */
const resourcesOf = (pod: Pod, container: Container, node: NodeFacts): ContainerSpec['resources'] => {
  const { limits, requests } = container.resources ?? {}
  const cpuLimit = milliCpu(limits?.['cpu'])
  const cpuRequest = milliCpu(requests?.['cpu']) ?? cpuLimit ?? 0
  const memoryLimit = bytesOf(limits?.['memory'])
  const memoryRequest = bytesOf(requests?.['memory']) ?? memoryLimit ?? 0
  const oomScoreAdj = oomScore(pod, memoryRequest, node)
  return {
    cpuShares: Math.min(262_144, Math.max(2, Math.floor((cpuRequest * 1024) / 1000))),
    ...(cpuLimit ? { cpuQuota: Math.max(1000, cpuLimit * 100) } : {}),
    ...(memoryLimit ? { memoryLimit } : {}),
    ...(oomScoreAdj < 0 && !node.canProtectFromOom ? {} : { oomScoreAdj }),
  }
}

const oomScore = (pod: Pod, memoryRequest: number, node: NodeFacts): number => {
  const qos = qosClass(pod)
  if (qos === 'Guaranteed') return -997
  if (qos === 'BestEffort') return 1000
  const share = Math.floor((1000 * memoryRequest) / Math.max(1, node.memoryBytes))
  return Math.min(999, Math.max(3, 1000 - share))
}

/** The container's context over the pod's (k8s: DetermineEffectiveSecurityContext). */
const securityOf = (pod: Pod, container: Container): ContainerSpec['security'] => {
  const own = container.securityContext ?? {}
  const shared = pod.spec?.securityContext ?? {}
  const user = own.runAsUser ?? shared.runAsUser
  const group = own.runAsGroup ?? shared.runAsGroup
  const groups = [...(shared.supplementalGroups ?? []), ...(shared.fsGroup === undefined ? [] : [shared.fsGroup])]
  const seccomp = own.seccompProfile ?? shared.seccompProfile
  const isPrivileged = own.privileged === true
  return {
    privileged: isPrivileged,
    readOnlyRoot: own.readOnlyRootFilesystem === true,
    ...(user === undefined ? {} : { user }),
    ...(group === undefined ? {} : { group }),
    supplementalGroups: groups,
    mustRunAsNonRoot: (own.runAsNonRoot ?? shared.runAsNonRoot) === true,
    capAdd: own.capabilities?.add ?? [],
    capDrop: own.capabilities?.drop ?? [],
    allowPrivilegeEscalation: isPrivileged || own.allowPrivilegeEscalation !== false,
    // k8s: without a profile a container is unconfined.
    seccompUnconfined: isPrivileged || seccomp === undefined || seccomp.type === 'Unconfined',
    procUnmasked: own.procMount === 'Unmasked',
  }
}
