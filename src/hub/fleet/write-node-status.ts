import type { Node, NodeCondition, NodeStatus } from '../../api/types.ts'
import { boardChanged, boardFinding, recordedBoard } from '../../core/nodes/board-change.ts'
import { boardConditionTypes } from '../../core/nodes/node-conditions.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'
import type { NodeReport } from '../../wire/payloads.ts'
import { siteLabel } from './render-service.ts'

/**
 * The Node with what its agent reports, or undefined where that says nothing new: times of heartbeats are no news, so
 * an idle node writes nothing. Pure.
 */
export const nodeWithStatus = (node: Node, report: NodeReport, now: string): Node | undefined => {
  const before = node.status ?? {}
  const board = boardFinding(recordedBoard(node), report.board)
  const said = board === undefined ? report.conditions : [...report.conditions, board]
  const conditions = said.map(condition => withTimes(condition, before.conditions, now))
  const reported = new Set(conditions.map(condition => condition.type))
  // Conditions that others than the agent own stay; those of a board that it tells no more are gone.
  const others = (before.conditions ?? []).filter(
    ({ type }) =>
      !reported.has(type) &&
      !boardConditionTypes.includes(type) &&
      !(type === boardChanged && report.board !== undefined),
  )
  const status: NodeStatus = {
    ...before,
    addresses: report.addresses,
    capacity: report.capacity,
    allocatable: report.allocatable,
    nodeInfo: report.nodeInfo,
    images: report.images.map(({ names, sizeBytes }) => ({ names, sizeBytes })),
    conditions: [...conditions, ...others],
  }
  return isSame(withoutHeartbeats(before), withoutHeartbeats(status)) ? undefined : { ...node, status }
}

/** The Node with the labels that an agent may set, or undefined where nothing changes. */
export const nodeWithLabels = (node: Node, labels: NodeReport['labels']): Node | undefined => {
  const now = node.metadata.labels ?? {}
  const admitted = Object.entries(labels).filter(
    ([key, value]) =>
      isValue(value) &&
      // A site decides which Services a node learns of: a device may name its first one, and not change it.
      (key === siteLabel ? now[siteLabel] === undefined : key.startsWith('dunlin.io/') || kubernetesLabels.has(key)),
  )
  if (admitted.every(([key, value]) => now[key] === value)) return undefined
  return { ...node, metadata: { ...node.metadata, labels: { ...now, ...Object.fromEntries(admitted) } } }
}

const kubernetesLabels = new Set(['kubernetes.io/arch', 'kubernetes.io/os', 'kubernetes.io/hostname'])

/** k8s: the form of a label's value. */
const isValue = (value: string): boolean => /^(?:[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?)?$/.test(value)

/** The Node as nobody hears from it any more; undefined where that is known. */
export const nodeUnheard = (node: Node, reason: string, message: string, now: string): Node | undefined => {
  const ready = node.status?.conditions?.find(condition => condition.type === 'Ready')
  if (ready?.status === 'Unknown') return undefined
  const unknown: NodeCondition = {
    type: 'Ready',
    status: 'Unknown',
    reason,
    message,
    lastHeartbeatTime: ready?.lastHeartbeatTime ?? now,
    lastTransitionTime: now,
  }
  const others = (node.status?.conditions ?? []).filter(condition => condition.type !== 'Ready')
  return { ...node, status: { ...node.status, conditions: [...others, unknown] } }
}

const withTimes = (
  condition: NodeCondition,
  before: readonly NodeCondition[] | undefined,
  now: string,
): NodeCondition => {
  const earlier = before?.find(one => one.type === condition.type)
  return {
    ...condition,
    lastHeartbeatTime: now,
    // The hub's clock: a device may have none.
    lastTransitionTime: earlier?.status === condition.status ? (earlier.lastTransitionTime ?? now) : now,
  }
}

const withoutHeartbeats = (status: NodeStatus): NodeStatus => ({
  ...status,
  conditions: (status.conditions ?? []).map(({ lastHeartbeatTime: _, ...rest }) => rest),
})

const isSame = (a: unknown, b: unknown): boolean => canonicalJson(a) === canonicalJson(b)
