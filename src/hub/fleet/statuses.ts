import type { Node, Pod } from '../../api/types.ts'
import { boardChanged, isOnOtherBoard, nodeOnBoard } from '../../core/nodes/board-change.ts'
import type { Clock } from '../../lib/clock.ts'
import type { PodReport, StatusReport } from '../../wire/payloads.ts'
import type { Objects } from '../objects.ts'
import type { UsageMemory } from './usage-memory.ts'
import { nodeUnheard, nodeWithLabels, nodeWithStatus } from './write-node-status.ts'
import { isPodOf, podWithStatus } from './write-pod-status.ts'

const by = { fieldManager: 'dunlin-agent' }

export interface Statuses {
  /**
   * Writes what a node reports. `isUpToDate`: the node has applied the newest assignment, so what it does not name
   * it will never start.
   */
  write(node: string, report: StatusReport, isUpToDate: boolean): Promise<void>
  /** Marks the node Unknown. Nothing else changes: its pods run on. */
  unheard(node: string, reason: string, message: string): Promise<void>
}

/** Status of pods and nodes, from reports, through the same road as any other write. A report that says nothing new writes nothing. */
export const statuses = (of: {
  readonly objects: Objects
  readonly usage: UsageMemory
  /** All pods that are bound to the node. */
  readonly podsOf: (node: string) => readonly Pod[]
  /** Tells of a node as an event. */
  readonly tell: (node: string, reason: string, message: string) => void
  readonly clock: Clock
}): Statuses => {
  const { objects } = of
  const now = (): string => `${new Date(of.clock.now()).toISOString().slice(0, 19)}Z`

  const writePod = async (node: string, report: PodReport): Promise<void> => {
    const key = { namespace: report.namespace, name: report.name }
    if (report.gone === true) {
      const pod = objects.get<Pod>('Pod', key)
      if (pod === undefined || !isPodOf(pod, report.uid, node)) return
      // A pod that nobody deleted is not removed because a node lost it: its controller decides.
      if (pod.metadata.deletionTimestamp !== undefined) await objects.removeFinally('Pod', key, report.uid)
      return
    }
    await objects.modify<Pod>('Pod', key, pod => podWithStatus(pod, report, node), { ...by, subresource: 'status' })
  }

  const removeAbsent = async (node: string, present: ReadonlySet<string>): Promise<void> => {
    for (const pod of of.podsOf(node)) {
      const { uid, namespace = '', name = '', deletionTimestamp } = pod.metadata
      if (deletionTimestamp === undefined || uid === undefined || present.has(uid)) continue
      await objects.removeFinally('Pod', { namespace, name }, uid)
    }
  }

  return {
    async write(node, report, isUpToDate) {
      if (report.usage !== undefined) of.usage.put(node, report.usage)
      const key = { namespace: '', name: node }
      const found = report.node
      if (found !== undefined) {
        await objects.modify<Node>('Node', key, one => nodeWithLabels(one, found.labels), by)
        await objects.modify<Node>('Node', key, one => nodeOnBoard(one, found.board), by)
        const wasElsewhere = isOnOtherBoard(objects.get<Node>('Node', key))
        const after = await objects.modify<Node>('Node', key, one => nodeWithStatus(one, found, now()), {
          ...by,
          subresource: 'status',
        })
        const moved = after?.status?.conditions?.find(one => one.type === boardChanged)
        if (!wasElsewhere && isOnOtherBoard(after)) of.tell(node, boardChanged, moved?.message ?? '')
      }
      // At once, so that the store commits them together; the last word on a pod counts.
      const newest = new Map(report.pods?.map(pod => [pod.uid, pod]))
      await Promise.all([...newest.values()].map(pod => writePod(node, pod)))
      if (report.presentPodUids !== undefined && isUpToDate) await removeAbsent(node, new Set(report.presentPodUids))
    },
    async unheard(node, reason, message) {
      await objects.modify<Node>(
        'Node',
        { namespace: '', name: node },
        one => nodeUnheard(one, reason, message, now()),
        {
          ...by,
          subresource: 'status',
        },
      )
    },
  }
}
