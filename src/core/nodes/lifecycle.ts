import type { Node, NodeCondition, Taint } from '../../api/types.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'
import { withCondition } from '../workloads/conditions.ts'
import { timeText } from '../workloads/pod-facts.ts'

/*
 *            a sign within the time                      none for `silenceMs`
 *   Ready is what the agent reported  ──────────────>  Ready, pressures: Unknown
 *          ^                                                    │
 *          └──────────── a sign: what was reported last <───────┘
 *
 *   taints follow conditions: Unknown -> unreachable, False -> not-ready, pressures and cordon -> their own
 */
export interface NodePlan {
  /** Undefined where the conditions stay. */
  readonly conditions?: readonly NodeCondition[]
  /** Undefined where the taints stay. */
  readonly taints?: readonly Taint[]
  readonly lookAgainAtMs?: number
}

export const unreachableTaint = 'node.kubernetes.io/unreachable'
export const notReadyTaint = 'node.kubernetes.io/not-ready'

const readyOf = (conditions: readonly NodeCondition[] | undefined): NodeCondition | undefined =>
  conditions?.find(one => one.type === 'Ready')

/** Whether nothing is known of the node now: it neither runs nor stops what it is told, as far as the hub can see. */
export const isUnreachable = (node: Node): boolean => readyOf(node.status?.conditions)?.status === 'Unknown'

/**
 * What a node's conditions and taints become (k8s: node-lifecycle controller).
 *
 * @param lastSignMs when the node last gave a sign, in the same time as `now`; for a hub that has just started, its start
 * @param reported the Ready condition as last reported, where it is remembered: what it becomes again with a new sign;
 *   the node's next report says it anew, where it comes
 * @example planNode({ node, lastSignMs, silenceMs: 180_000, now, wallNow }).taints
 */
export const planNode = (view: {
  readonly node: Node
  readonly lastSignMs: number
  readonly silenceMs: number
  readonly now: number
  /** Wall time (ms), for the times that are written. */
  readonly wallNow: number
  readonly reported?: NodeCondition
  /** Whether a sign came after the node became Unknown, whoever said so. */
  readonly isBack?: boolean
}): NodePlan => {
  const { node, now, wallNow } = view
  const isSilent = now - view.lastSignMs >= view.silenceMs
  const before = node.status?.conditions
  const conditions = isSilent ? silenced(before, view.silenceMs, wallNow) : restored(view, before)
  const taints = taintsFor(node, conditions, wallNow)
  const lookAgainAtMs = isSilent ? undefined : view.lastSignMs + view.silenceMs
  return {
    ...(conditions === undefined || conditions === before ? {} : { conditions }),
    ...(canonicalJson(taints) === canonicalJson(node.spec?.taints ?? []) ? {} : { taints }),
    ...(lookAgainAtMs === undefined ? {} : { lookAgainAtMs }),
  }
}

const silenced = (
  before: readonly NodeCondition[] | undefined,
  silenceMs: number,
  now: number,
): readonly NodeCondition[] | undefined => {
  if (readyOf(before) === undefined) return before
  const message = `The node has given no sign of life for ${Math.round(silenceMs / 1000)} s.`
  return (before ?? [])
    .filter(one => ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'].includes(one.type))
    .filter(one => one.status !== 'Unknown')
    .reduce(
      (list, one) => withCondition(list, { ...one, status: 'Unknown', reason: 'NodeStatusUnknown', message }, now),
      before ?? [],
    )
}

const restored = (
  view: { readonly reported?: NodeCondition; readonly isBack?: boolean; readonly wallNow: number },
  before: readonly NodeCondition[] | undefined,
): readonly NodeCondition[] | undefined => {
  if (readyOf(before)?.status !== 'Unknown' || view.reported === undefined || view.isBack !== true) return before
  return withCondition(before, view.reported, view.wallNow)
}

/** Taints that this controller sets, and only these: all others are the operator's. */
const ours = new Set([
  `${notReadyTaint}:NoSchedule`,
  `${notReadyTaint}:NoExecute`,
  `${unreachableTaint}:NoSchedule`,
  `${unreachableTaint}:NoExecute`,
  'node.kubernetes.io/memory-pressure:NoSchedule',
  'node.kubernetes.io/disk-pressure:NoSchedule',
  'node.kubernetes.io/pid-pressure:NoSchedule',
  'node.kubernetes.io/network-unavailable:NoSchedule',
  'node.kubernetes.io/unschedulable:NoSchedule',
])

const pressures: { readonly [condition: string]: string } = {
  MemoryPressure: 'node.kubernetes.io/memory-pressure',
  DiskPressure: 'node.kubernetes.io/disk-pressure',
  PIDPressure: 'node.kubernetes.io/pid-pressure',
  NetworkUnavailable: 'node.kubernetes.io/network-unavailable',
}

const taintsFor = (node: Node, conditions: readonly NodeCondition[] | undefined, now: number): readonly Taint[] => {
  const before = node.spec?.taints ?? []
  const ready = readyOf(conditions)?.status
  const wanted: { readonly key: string; readonly effect: string }[] = []
  const health = ready === 'True' ? undefined : ready === 'Unknown' ? unreachableTaint : notReadyTaint
  if (health !== undefined) wanted.push({ key: health, effect: 'NoSchedule' }, { key: health, effect: 'NoExecute' })
  for (const { type, status } of conditions ?? []) {
    const key = pressures[type]
    if (key !== undefined && status === 'True') wanted.push({ key, effect: 'NoSchedule' })
  }
  if (node.spec?.unschedulable === true) wanted.push({ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' })
  const operators = before.filter(one => !ours.has(`${one.key}:${one.effect}`))
  return [
    ...operators,
    ...wanted.map(
      one =>
        before.find(had => had.key === one.key && had.effect === one.effect) ?? { ...one, timeAdded: timeText(now) },
    ),
  ]
}
