import type { Affinity, DaemonSet, NodeSelectorTerm, Pod, Toleration } from '../../api/types.ts'
import { ownedBy, podFromTemplate } from './pod-from-template.ts'
import { templateHash } from './template-hash.ts'

/** By this label a pod is known to be of the current template. */
export const revisionHashLabel = 'controller-revision-hash'

/** What a DaemonSet pod bears, so that it stays with its node in every state. k8s: AddOrUpdateDaemonPodTolerations */
const toleratedTaints: readonly (readonly [key: string, effect: string])[] = [
  ['node.kubernetes.io/not-ready', 'NoExecute'],
  ['node.kubernetes.io/unreachable', 'NoExecute'],
  ['node.kubernetes.io/not-ready', 'NoSchedule'],
  ['node.kubernetes.io/unreachable', 'NoSchedule'],
  ['node.kubernetes.io/disk-pressure', 'NoSchedule'],
  ['node.kubernetes.io/memory-pressure', 'NoSchedule'],
  ['node.kubernetes.io/pid-pressure', 'NoSchedule'],
  ['node.kubernetes.io/unschedulable', 'NoSchedule'],
]

const networkTaint = ['node.kubernetes.io/network-unavailable', 'NoSchedule'] as const

/**
 * The pod that a DaemonSet wants on this node: its template, bound by affinity, bearing what nodes go through.
 *
 * @example daemonPod(daemonSet, 'attic').spec.affinity // the node's name
 */
export const daemonPod = (daemonSet: DaemonSet, node: string): Pod => {
  const template = daemonSet.spec?.template
  const pod = podFromTemplate(template, daemonSet.metadata.namespace ?? '', ownedBy(daemonSet, 'apps/v1', 'DaemonSet'))
  const spec = pod.spec ?? { containers: [] }
  const taints = spec.hostNetwork === true ? [...toleratedTaints, networkTaint] : toleratedTaints
  const tolerations = [
    ...(spec.tolerations ?? []),
    ...taints.map(([key, effect]): Toleration => ({ key, effect, operator: 'Exists' })),
  ]
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      labels: { ...pod.metadata.labels, [revisionHashLabel]: daemonHash(daemonSet) },
    },
    spec: { ...spec, tolerations, affinity: onNode(spec.affinity, node) },
  }
}

/** The short name of the DaemonSet's template, as its pods carry it. */
export const daemonHash = (daemonSet: DaemonSet): string => templateHash(daemonSet.spec?.template ?? {}, 0)

export const hasHash = (pod: Pod, hash: string): boolean => pod.metadata.labels?.[revisionHashLabel] === hash

/** k8s: ReplaceDaemonSetPodNodeNameNodeAffinity: the node's name takes the place of the template's required terms. */
const onNode = (affinity: Affinity | undefined, node: string): Affinity => {
  const term: NodeSelectorTerm = { matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }
  return {
    ...affinity,
    nodeAffinity: {
      ...affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] },
    },
  }
}

/** The node that a DaemonSet pod is for, bound or not yet. */
export const nodeOfDaemonPod = (pod: Pod): string | undefined => {
  if (pod.spec?.nodeName !== undefined && pod.spec.nodeName !== '') return pod.spec.nodeName
  const terms = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms
  const field = terms?.[0]?.matchFields?.find(one => one.key === 'metadata.name')
  return field?.values?.[0]
}
