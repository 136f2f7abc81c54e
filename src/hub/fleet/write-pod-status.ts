import type { Pod, PodStatus } from '../../api/types.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'
import type { PodReport } from '../../wire/payloads.ts'

/**
 * The pod with the status that its node reports, or undefined where that says nothing new, or where the report is not
 * about this pod: another uid of the same name, or a pod of another node. Pure.
 */
export const podWithStatus = (pod: Pod, report: PodReport, node: string): Pod | undefined => {
  if (!isPodOf(pod, report.uid, node) || report.status === undefined) return undefined
  const before = pod.status ?? {}
  const reported = new Set(report.status.conditions?.map(condition => condition.type))
  // The scheduler's PodScheduled, and what controllers said, stay.
  const others = (before.conditions ?? []).filter(condition => !reported.has(condition.type))
  const status: PodStatus = {
    ...ownedByHub(before),
    ...report.status,
    ...(report.containerStatuses && { containerStatuses: report.containerStatuses }),
    conditions: [...(report.status.conditions ?? []), ...others],
  }
  return canonicalJson(before) === canonicalJson(status) ? undefined : { ...pod, status }
}

/** Whether a node may speak for this pod. */
export const isPodOf = (pod: Pod, uid: string, node: string): boolean =>
  pod.metadata.uid === uid && pod.spec?.nodeName === node

const ownedByHub = ({ qosClass, nominatedNodeName }: PodStatus): PodStatus => ({
  ...(qosClass && { qosClass }),
  ...(nominatedNodeName && { nominatedNodeName }),
})
