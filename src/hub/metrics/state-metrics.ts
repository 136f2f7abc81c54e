import { tryParseQuantity } from '../../api/quantity.ts'
import type {
  ContainerStatus,
  DaemonSet,
  Deployment,
  KubeObject,
  Namespace,
  Node,
  Pod,
  Service,
} from '../../api/types.ts'
import { type Family, familyOf, type MetricMeaning, type MetricTable, type Sample } from '../../lib/exposition.ts'
import type { Objects } from '../objects.ts'

const pod = ['namespace', 'pod', 'uid'] as const
const container = [...pod, 'container'] as const
const deployment = ['namespace', 'deployment'] as const
const daemonSet = ['namespace', 'daemonset'] as const

/**
 * What `/metrics/state` shows: the objects of the fleet in the words of kube-state-metrics, so that its dashboards and
 * rules hold. Grows with the fleet: read from the cache while it is sent, and kept by nobody.
 */
export const stateMetrics = {
  kube_node_info: {
    type: 'gauge',
    labels: ['node', 'kernel_version', 'os_image', 'container_runtime_version', 'kubelet_version', 'internal_ip'],
    help: 'A node; always 1.',
  },
  kube_node_created: { type: 'gauge', labels: ['node'], help: 'When it joined, seconds since 1970.' },
  kube_node_spec_unschedulable: { type: 'gauge', labels: ['node'], help: '1: cordoned, no new pods.' },
  kube_node_spec_taint: { type: 'gauge', labels: ['node', 'key', 'value', 'effect'], help: 'A taint; always 1.' },
  kube_node_status_condition: {
    type: 'gauge',
    labels: ['node', 'condition', 'status'],
    help: '1 for the status that the condition has: true, false or unknown.',
  },
  kube_node_status_capacity: { type: 'gauge', labels: ['node', 'resource', 'unit'], help: 'What a node has.' },
  kube_node_status_allocatable: {
    type: 'gauge',
    labels: ['node', 'resource', 'unit'],
    help: 'What pods may have of it.',
  },
  kube_namespace_status_phase: {
    type: 'gauge',
    labels: ['namespace', 'phase'],
    help: '1 for the phase that it is in.',
  },
  kube_pod_info: {
    type: 'gauge',
    labels: [...pod, 'node', 'host_ip', 'pod_ip', 'created_by_kind', 'created_by_name', 'host_network'],
    help: 'A pod; always 1.',
  },
  kube_pod_created: { type: 'gauge', labels: pod, help: 'When it was created, seconds since 1970.' },
  kube_pod_status_phase: { type: 'gauge', labels: [...pod, 'phase'], help: '1 for the phase that it is in.' },
  kube_pod_status_ready: {
    type: 'gauge',
    labels: [...pod, 'condition'],
    help: '1 for the value of Ready: true, false or unknown.',
  },
  kube_pod_status_scheduled: { type: 'gauge', labels: [...pod, 'condition'], help: '1 for the value of PodScheduled.' },
  kube_pod_status_reason: {
    type: 'gauge',
    labels: [...pod, 'reason'],
    help: 'Why a pod is in its phase, e.g. Evicted; always 1.',
  },
  kube_pod_container_info: { type: 'gauge', labels: [...container, 'image'], help: 'A container; always 1.' },
  kube_pod_container_status_ready: { type: 'gauge', labels: container, help: '1: its readiness probe passes.' },
  kube_pod_container_status_running: { type: 'gauge', labels: container, help: '1: it runs.' },
  kube_pod_container_status_restarts_total: {
    type: 'counter',
    labels: container,
    help: 'Restarts, as kubectl shows them.',
  },
  kube_pod_container_status_waiting_reason: {
    type: 'gauge',
    labels: [...container, 'reason'],
    help: 'Why it does not run yet, e.g. ImagePullBackOff or CrashLoopBackOff; always 1.',
  },
  kube_pod_container_status_last_terminated_reason: {
    type: 'gauge',
    labels: [...container, 'reason'],
    help: 'Why it ended the last time, e.g. OOMKilled or Error; always 1.',
  },
  kube_pod_container_resource_requests: {
    type: 'gauge',
    labels: [...container, 'node', 'resource', 'unit'],
    help: 'What it asks for.',
  },
  kube_pod_container_resource_limits: {
    type: 'gauge',
    labels: [...container, 'node', 'resource', 'unit'],
    help: 'What it may use at most.',
  },
  kube_deployment_spec_replicas: { type: 'gauge', labels: deployment, help: 'Replicas wanted.' },
  kube_deployment_status_replicas: { type: 'gauge', labels: deployment, help: 'Replicas there.' },
  kube_deployment_status_replicas_ready: { type: 'gauge', labels: deployment, help: 'Replicas that are ready.' },
  kube_deployment_status_replicas_available: {
    type: 'gauge',
    labels: deployment,
    help: 'Replicas ready for long enough.',
  },
  kube_deployment_status_replicas_unavailable: { type: 'gauge', labels: deployment, help: 'Replicas that lack.' },
  kube_deployment_status_replicas_updated: {
    type: 'gauge',
    labels: deployment,
    help: 'Replicas of the newest template.',
  },
  kube_deployment_metadata_generation: { type: 'gauge', labels: deployment, help: 'Changes of its spec.' },
  kube_deployment_status_observed_generation: {
    type: 'gauge',
    labels: deployment,
    help: 'The change that its status is about.',
  },
  kube_daemonset_status_desired_number_scheduled: {
    type: 'gauge',
    labels: daemonSet,
    help: 'Nodes that should run it.',
  },
  kube_daemonset_status_current_number_scheduled: {
    type: 'gauge',
    labels: daemonSet,
    help: 'Nodes that should and do.',
  },
  kube_daemonset_status_number_ready: { type: 'gauge', labels: daemonSet, help: 'Nodes on which it is ready.' },
  kube_daemonset_status_number_misscheduled: {
    type: 'gauge',
    labels: daemonSet,
    help: 'Nodes that should not, and do.',
  },
  kube_service_info: {
    type: 'gauge',
    labels: ['namespace', 'service', 'uid', 'cluster_ip'],
    help: 'A Service; always 1.',
  },
} as const satisfies MetricTable

type Sources = { readonly [Name in keyof typeof stateMetrics]: (objects: Objects) => Iterable<Sample> }

/** Every metric of the table, read from the objects as they are when it is written. */
export const stateFamilies = (objects: Objects): readonly Family[] =>
  Object.entries(sources).map(([name, samples]) =>
    familyOf(name, meanings[name] ?? { type: 'gauge', help: '' }, () => samples(objects)),
  )

const meanings: { readonly [name: string]: MetricMeaning } = stateMetrics

const each = <T extends KubeObject>(kind: string, samples: (object: T) => Iterable<Sample>) =>
  function* (objects: Objects): Generator<Sample> {
    for (const object of objects.list<T>(kind)) yield* samples(object)
  }

const seconds = (time: string | undefined): number => Math.floor(Date.parse(time ?? '') / 1000)

const nameOf = ({ metadata }: KubeObject): string => metadata.name ?? ''
const inNamespace = ({ metadata }: KubeObject): readonly [string, string] => [
  metadata.namespace ?? '',
  metadata.name ?? '',
]
const podOf = (of: Pod): readonly string[] => [...inNamespace(of), of.metadata.uid ?? '']

const flag = (is: boolean): number => (is ? 1 : 0)

/** One series for each possible status; the one that it has is 1. */
const oneOf = (labels: readonly string[], possible: readonly string[], now: string): readonly Sample[] =>
  possible.map(one => [[...labels, one], flag(one === now)])

const statuses = ['true', 'false', 'unknown']
const condition = (of: Pod, type: string): string =>
  of.status?.conditions?.find(one => one.type === type)?.status.toLowerCase() ?? 'false'

/** kube-state-metrics: `nvidia.com/gpu` is written nvidia_com_gpu. */
const quantities = (
  labels: readonly string[],
  all: { readonly [resource: string]: string } | undefined,
): readonly Sample[] =>
  Object.entries(all ?? {}).flatMap(([resource, quantity]) => {
    const nanos = tryParseQuantity(quantity)
    if (nanos === undefined) return []
    const unit =
      resource === 'cpu' ? 'core' : /^(memory|ephemeral-storage|hugepages)/.test(resource) ? 'byte' : 'integer'
    return [[[...labels, resource.replaceAll(/[^a-zA-Z0-9]/g, '_'), unit], Number(nanos) / 1e9]]
  })

const eachContainer = (samples: (labels: readonly string[], status: ContainerStatus) => Iterable<Sample>) =>
  each<Pod>('Pod', function* (of) {
    for (const status of of.status?.containerStatuses ?? []) yield* samples([...podOf(of), status.name], status)
  })

const resourcesOf = (which: 'requests' | 'limits') =>
  each<Pod>('Pod', function* (of) {
    for (const one of of.spec?.containers ?? []) {
      yield* quantities([...podOf(of), one.name, of.spec?.nodeName ?? ''], one.resources?.[which])
    }
  })

const ofDeployment = (value: (of: Deployment) => number | undefined) =>
  each<Deployment>('Deployment', of => [[inNamespace(of), value(of) ?? 0]])

const ofDaemonSet = (value: (of: DaemonSet) => number | undefined) =>
  each<DaemonSet>('DaemonSet', of => [[inNamespace(of), value(of) ?? 0]])

const sources: Sources = {
  kube_node_info: each<Node>('Node', of => {
    const {
      kernelVersion = '',
      osImage = '',
      containerRuntimeVersion = '',
      kubeletVersion = '',
    } = of.status?.nodeInfo ?? {}
    const address = of.status?.addresses?.find(one => one.type === 'InternalIP')?.address ?? ''
    return [[[nameOf(of), kernelVersion, osImage, containerRuntimeVersion, kubeletVersion, address], 1]]
  }),
  kube_node_created: each<Node>('Node', of => [[[nameOf(of)], seconds(of.metadata.creationTimestamp)]]),
  kube_node_spec_unschedulable: each<Node>('Node', of => [[[nameOf(of)], flag(of.spec?.unschedulable === true)]]),
  kube_node_spec_taint: each<Node>('Node', of =>
    (of.spec?.taints ?? []).map(({ key, value = '', effect }) => [[nameOf(of), key, value, effect], 1]),
  ),
  kube_node_status_condition: each<Node>('Node', of =>
    (of.status?.conditions ?? []).flatMap(({ type, status }) =>
      oneOf([nameOf(of), type], statuses, status.toLowerCase()),
    ),
  ),
  kube_node_status_capacity: each<Node>('Node', of => quantities([nameOf(of)], of.status?.capacity)),
  kube_node_status_allocatable: each<Node>('Node', of => quantities([nameOf(of)], of.status?.allocatable)),
  kube_namespace_status_phase: each<Namespace>('Namespace', of =>
    oneOf([nameOf(of)], ['Active', 'Terminating'], of.status?.phase ?? 'Active'),
  ),
  kube_pod_info: each<Pod>('Pod', of => {
    const owner = of.metadata.ownerReferences?.find(one => one.controller === true)
    const { hostIP = '', podIP = '' } = of.status ?? {}
    const by = [owner?.kind ?? '', owner?.name ?? '']
    return [[[...podOf(of), of.spec?.nodeName ?? '', hostIP, podIP, ...by, String(of.spec?.hostNetwork === true)], 1]]
  }),
  kube_pod_created: each<Pod>('Pod', of => [[podOf(of), seconds(of.metadata.creationTimestamp)]]),
  kube_pod_status_phase: each<Pod>('Pod', of =>
    oneOf(podOf(of), ['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown'], of.status?.phase ?? 'Pending'),
  ),
  kube_pod_status_ready: each<Pod>('Pod', of => oneOf(podOf(of), statuses, condition(of, 'Ready'))),
  kube_pod_status_scheduled: each<Pod>('Pod', of => oneOf(podOf(of), statuses, condition(of, 'PodScheduled'))),
  kube_pod_status_reason: each<Pod>('Pod', of =>
    of.status?.reason === undefined ? [] : [[[...podOf(of), of.status.reason], 1]],
  ),
  kube_pod_container_info: each<Pod>('Pod', of =>
    (of.spec?.containers ?? []).map(one => [[...podOf(of), one.name, one.image ?? ''], 1]),
  ),
  kube_pod_container_status_ready: eachContainer((labels, { ready }) => [[labels, flag(ready)]]),
  kube_pod_container_status_running: eachContainer((labels, { state }) => [
    [labels, flag(state?.running !== undefined)],
  ]),
  kube_pod_container_status_restarts_total: eachContainer((labels, { restartCount }) => [[labels, restartCount]]),
  kube_pod_container_status_waiting_reason: eachContainer((labels, { state }) =>
    state?.waiting?.reason === undefined ? [] : [[[...labels, state.waiting.reason], 1]],
  ),
  kube_pod_container_status_last_terminated_reason: eachContainer((labels, { lastState }) =>
    lastState?.terminated?.reason === undefined ? [] : [[[...labels, lastState.terminated.reason], 1]],
  ),
  kube_pod_container_resource_requests: resourcesOf('requests'),
  kube_pod_container_resource_limits: resourcesOf('limits'),
  kube_deployment_spec_replicas: ofDeployment(of => of.spec?.replicas),
  kube_deployment_status_replicas: ofDeployment(of => of.status?.replicas),
  kube_deployment_status_replicas_ready: ofDeployment(of => of.status?.readyReplicas),
  kube_deployment_status_replicas_available: ofDeployment(of => of.status?.availableReplicas),
  kube_deployment_status_replicas_unavailable: ofDeployment(of => of.status?.unavailableReplicas),
  kube_deployment_status_replicas_updated: ofDeployment(of => of.status?.updatedReplicas),
  kube_deployment_metadata_generation: ofDeployment(of => of.metadata.generation),
  kube_deployment_status_observed_generation: ofDeployment(of => of.status?.observedGeneration),
  kube_daemonset_status_desired_number_scheduled: ofDaemonSet(of => of.status?.desiredNumberScheduled),
  kube_daemonset_status_current_number_scheduled: ofDaemonSet(of => of.status?.currentNumberScheduled),
  kube_daemonset_status_number_ready: ofDaemonSet(of => of.status?.numberReady),
  kube_daemonset_status_number_misscheduled: ofDaemonSet(of => of.status?.numberMisscheduled),
  kube_service_info: each<Service>('Service', of => [
    [[...inNamespace(of), of.metadata.uid ?? '', of.spec?.clusterIP ?? ''], 1],
  ]),
}
