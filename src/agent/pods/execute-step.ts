import { Fault, isFault } from '../../api/fault.ts'
import type { Container, Pod } from '../../api/types.ts'
import type { StepResult } from '../../core/pods/after-step.ts'
import { containerSpec } from '../../core/pods/container-spec.ts'
import type { NodeFacts } from '../../core/pods/field-ref.ts'
import { pullCredentials } from '../../core/pods/pull-credentials.ts'
import type { ObservedPod, PodRuntime, Sandbox } from '../../core/pods/runtime.ts'
import { hostPortsOf, sandboxFiles, sandboxSpec } from '../../core/pods/sandbox-files.ts'
import type { Step, StepAction } from '../../core/pods/step.ts'
import { planVolumes, type VolumePlan, type VolumesPlan } from '../../core/pods/volumes.ts'
import type { Neighbourhood } from '../../core/services/neighbourhood.ts'
import type { PodNetwork } from '../../core/services/pod-network.ts'
import { type Asked, askPod } from './ask-pod.ts'
import type { Desired } from './desired.ts'
import type { Images } from './images.ts'
import type { Volumes } from './volumes.ts'

/** All that steps are done with. */
export interface Deeds {
  readonly runtime: PodRuntime
  readonly network: PodNetwork
  readonly volumes: Volumes
  readonly images: Images
  readonly node: () => NodeFacts
  readonly neighbourhood: () => Neighbourhood | undefined
  /** Text of the host's own /etc/hosts and /etc/resolv.conf. */
  readonly hostFiles: () => Promise<{ readonly hosts: string; readonly resolvConf: string }>
}

/** The pod that a step is for. `pod` is absent where it has left the assignment. */
export interface StepFor {
  readonly uid: string
  readonly pod: Pod | undefined
  readonly desired: Desired
  readonly observed: ObservedPod | undefined
}

/** What a step changed of what is observed, where that is known without asking the engine. */
export type Done = { readonly sandbox?: Sandbox }

type Executors = { readonly [A in StepAction]: (deeds: Deeds, of: StepFor, step: Step<A>) => Promise<Done> }

/** Bytes of one log file; two are kept. */
const logMaxBytes = 5 * 1024 * 1024

/** A hook without a grace period of its own (k8s gives postStart none either; an endless one is a mistake). */
const mostHookMs = 600_000

const podOf = (of: StepFor): Pod => {
  if (of.pod === undefined) throw new Fault('NotFound', `pod ${of.uid} is no longer assigned to this node`)
  return of.pod
}

const entryOf = (of: StepFor, name: string): Container => {
  const { spec } = podOf(of)
  const found = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].find(one => one.name === name)
  if (found === undefined) throw new Fault('NotFound', `pod ${of.uid} has no container "${name}"`)
  return found
}

/** The address under which the pod is asked: its own, or the node's for one on the host network. */
export const podIPOf = (deeds: Pick<Deeds, 'network' | 'node'>, uid: string, pod: Pod): string | undefined =>
  pod.spec?.hostNetwork === true ? deeds.node().addresses[0] : deeds.network.attached().get(uid)?.ip

/** The volumes that the pod is to have. */
export const volumesOf = (deeds: Pick<Deeds, 'network' | 'node'>, desired: Desired, pod: Pod): VolumesPlan =>
  // Addresses are not readable from volumes (k8s: downwardAPI volumes know metadata and resources only).
  planVolumes(pod, desired.sources, { pod, node: deeds.node(), podIP: undefined })

const runHook = async (
  deeds: Deeds,
  of: StepFor,
  step: { container: string; attempt: number },
  asked: Asked | undefined,
  timeoutMs: number,
): Promise<Done> => {
  if (asked === undefined) return {}
  const podIP = podIPOf(deeds, of.uid, podOf(of)) ?? '127.0.0.1'
  const id = { podUid: of.uid, container: step.container, attempt: step.attempt }
  const container = entryOf(of, step.container)
  const result = await askPod(asked, { runtime: deeds.runtime, podIP, container, id, timeoutMs })
  if (!result.isOk) throw new Fault('Runtime', result.output, { container: step.container })
  return {}
}

const executors: Executors = {
  'pull image': async ({ images }, of, step) => {
    await images.pull(step.image, pullCredentials(step.image, podOf(of), of.desired.sources))
    return {}
  },
  'prepare volumes': async (deeds, of) => {
    const pod = podOf(of)
    await deeds.volumes.prepare(pod, volumesOf(deeds, of.desired, pod))
    return {}
  },
  'make sandbox': async ({ runtime }, of) => ({
    sandbox: await runtime.makeSandbox(sandboxSpec(podOf(of), of.desired.assignment.network)),
  }),
  'attach network': async ({ network }, of) => {
    const { metadata } = podOf(of)
    const netnsPath = of.observed?.sandbox?.netnsPath
    if (netnsPath === undefined) throw new Fault('Machine', `the sandbox of pod ${of.uid} has no network namespace`)
    const { namespace = '', name = '' } = metadata
    await network.attach({ uid: of.uid, namespace, name, netnsPath, hostPorts: hostPortsOf(podOf(of)) })
    return {}
  },
  'write files': async (deeds, of) => {
    const pod = podOf(of)
    const { network } = of.desired.assignment
    const podIP = podIPOf(deeds, of.uid, pod)
    await deeds.runtime.writeSandboxFiles(of.uid, sandboxFiles({ pod, network, podIP, host: await deeds.hostFiles() }))
    return {}
  },
  'create container': async (deeds, of, step) => {
    const pod = podOf(of)
    const plan = volumesOf(deeds, of.desired, pod)
    const made = containerSpec({
      pod,
      container: entryOf(of, step.container),
      attempt: step.attempt,
      specHash: step.specHash,
      isInit: pod.spec?.initContainers?.some(one => one.name === step.container) ?? false,
      sources: of.desired.sources,
      services: deeds.neighbourhood()?.services ?? [],
      node: deeds.node(),
      podIP: podIPOf(deeds, of.uid, pod),
      volumePath: name => volumePathOf(deeds, of.uid, plan, name),
      logMaxBytes,
    })
    if ('missing' in made) throw new Fault('Invalid', made.missing)
    const mounts = [...made.spec.mounts]
    for (const { root, path, mountIndex } of made.subPaths) {
      const mount = mounts[mountIndex]
      if (mount !== undefined) mounts[mountIndex] = { ...mount, source: await deeds.volumes.subPath(root, path) }
    }
    try {
      await deeds.runtime.createContainer({ ...made.spec, mounts })
    } catch (error) {
      deeds.images.doubt(made.spec.image)
      throw error
    }
    return {}
  },
  'start container': async ({ runtime }, of, step) => {
    await runtime.startContainer({ podUid: of.uid, container: step.container, attempt: step.attempt })
    return {}
  },
  'run postStart': (deeds, of, step) =>
    runHook(deeds, of, step, entryOf(of, step.container).lifecycle?.postStart, mostHookMs),
  'run preStop': (deeds, of, step) =>
    runHook(deeds, of, step, entryOf(of, step.container).lifecycle?.preStop, step.timeoutSeconds * 1000),
  'stop container': async ({ runtime }, of, step) => {
    await runtime.stopContainer({ podUid: of.uid, container: step.container, attempt: step.attempt }, step.graceSeconds)
    return {}
  },
  'remove container': async ({ runtime }, of, step) => {
    await runtime.removeContainer({ podUid: of.uid, container: step.container, attempt: step.attempt })
    return {}
  },
  'detach network': async ({ network }, of) => {
    await network.detach(of.uid, { forget: true })
    return {}
  },
  'remove sandbox': async ({ runtime }, of) => {
    await runtime.removeSandbox(of.uid)
    return {}
  },
  'remove volumes': async ({ volumes }, of) => {
    await volumes.remove(of.uid)
    return {}
  },
}

const volumePathOf = (
  deeds: Deeds,
  uid: string,
  plan: VolumesPlan,
  name: string,
): { readonly path: string; readonly isReadOnly: boolean } | undefined => {
  const volume: VolumePlan | undefined = 'volumes' in plan ? plan.volumes.find(one => one.name === name) : undefined
  // k8s: what comes from ConfigMaps, Secrets and fields is mounted read-only.
  return volume === undefined
    ? undefined
    : { path: deeds.volumes.path(uid, volume), isReadOnly: volume.type === 'files' }
}

/** Does one step. @throws whatever stood in its way */
export const executeStep = <A extends StepAction>(deeds: Deeds, of: StepFor, step: Step<A>): Promise<Done> => {
  const act: (deeds: Deeds, of: StepFor, step: Step<A>) => Promise<Done> = executors[step.action]
  return act(deeds, of, step)
}

/** What stood in a step's way, in the words of Kubernetes where it has some. */
export const failureOf = (step: Step, error: unknown, message: string): StepResult & { readonly isOk: false } => {
  const isConfig = step.action === 'create container' && isFault(error, 'Invalid')
  return { isOk: false, message, ...(isConfig ? { reason: 'CreateContainerConfigError' } : {}) }
}
