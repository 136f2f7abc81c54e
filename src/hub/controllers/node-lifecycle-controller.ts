import type { Lease, Node, NodeCondition, Pod } from '../../api/types.ts'
import { isUnreachable, planNode } from '../../core/nodes/lifecycle.ts'
import { withCondition } from '../../core/workloads/conditions.ts'
import { isReady, isTerminating, keyOf, nameOf } from '../../core/workloads/pod-facts.ts'
import type { Controller, ControllerParts } from './controller.ts'
import { keyParts, lookAgain, runController } from './controller.ts'
import { aboutObject } from './events.ts'

const component = 'node-controller'
const by = { fieldManager: component }

/** The namespace of the Leases by which nodes give signs of life. */
const leases = 'kube-node-lease'

/*
 *   Lease touched, or status reported ─> a sign, at this moment of our own monotonic clock (no wall clock is believed)
 *   silent for too long ─> conditions Unknown ─> taints ─> its pods count as not ready
 *   a sign again ─> what was reported last ─> taints go; the node's own report makes its pods ready
 */

/** Knows which nodes are there, by the signs that they give. A hub that has just started gives each its full time. */
export const nodeLifecycleController = (parts: ControllerParts): Controller => {
  const { objects, clock, events, indexes } = parts
  const silenceMs = (parts.options.nodeSilenceSeconds ?? 180) * 1000
  const signs = new Map<string, Sign>()

  const noteSign = (name: string): void => {
    signs.set(name, { ...signs.get(name), at: clock.monotonic(), isBack: true })
  }
  const noteReport = (node: Node): void => {
    const ready = readyOf(node)
    const sign = signs.get(nameOf(node)) ?? { at: clock.monotonic(), isBack: true }
    if (ready?.status === 'Unknown') signs.set(nameOf(node), { ...sign, isBack: false })
    else if (ready !== undefined) signs.set(nameOf(node), { at: clock.monotonic(), isBack: true, reported: ready })
  }

  const run = async (key: string): Promise<number | undefined> => {
    const node = objects.get<Node>('Node', keyParts(key))
    if (node === undefined) {
      signs.delete(key)
      return undefined
    }
    if (!signs.has(key)) noteSign(key)
    const sign = signs.get(key)
    const now = clock.monotonic()
    const view = { ...sign, lastSignMs: sign?.at ?? now, silenceMs, now, wallNow: clock.now() }
    const plan = planNode({ node, ...view })
    if (plan.conditions !== undefined) {
      await objects.modify<Node>(
        'Node',
        keyParts(key),
        present => {
          const again = planNode({ node: present, ...view })
          return again.conditions === undefined
            ? undefined
            : { ...present, status: { ...present.status, conditions: again.conditions } }
        },
        { ...by, subresource: 'status' },
      )
    }
    if (plan.taints !== undefined) {
      await objects.modify<Node>(
        'Node',
        keyParts(key),
        present => {
          const { taints } = planNode({ node: present, ...view })
          return taints === undefined ? undefined : { ...present, spec: { ...present.spec, taints } }
        },
        by,
      )
    }
    const present = objects.get<Node>('Node', keyParts(key))
    if (present !== undefined && isUnreachable(present)) await doubtPods(key, view.lastSignMs)
    return lookAgain(plan.lookAgainAtMs, now)
  }

  /** Whoever changed it: the node by its report, the fleet by a broken connection, or this controller. */
  const tell = (node: Node): void => {
    const ready = readyOf(node)
    events.record({
      about: aboutObject(node, 'v1', 'Node'),
      type: ready?.status === 'True' ? 'Normal' : 'Warning',
      reason: ready?.status === 'True' ? 'NodeReady' : 'NodeNotReady',
      message: `Node ${nameOf(node)} is ${ready?.status === 'True' ? 'ready' : 'not ready'}: ${ready?.message ?? ready?.reason ?? ''}`,
      component,
    })
  }

  /**
   * Nobody sees these pods now: they are not ready for anyone. The node's next full report says how they are; a sign of
   * it comes before that report, and from then on nothing is doubted, or what it said would be undone.
   */
  const doubtPods = async (name: string, lastSignMs: number): Promise<void> => {
    const isSilent = (): boolean => (signs.get(name)?.at ?? lastSignMs) === lastSignMs
    for (const pod of indexes.podsByNode.of(name)) {
      if (!isSilent()) return
      if (!isReady(pod)) continue
      const condition = {
        type: 'Ready',
        status: 'Unknown',
        reason: 'NodeUnreachable',
        message: `node ${name} gives no sign of life`,
      }
      await objects.modify<Pod>(
        'Pod',
        keyParts(keyOf(pod)),
        now =>
          isReady(now) && isSilent()
            ? {
                ...now,
                status: { ...now.status, conditions: withCondition(now.status?.conditions, condition, clock.now()) },
              }
            : undefined,
        { ...by, subresource: 'status' },
      )
    }
  }

  return runController({
    name: 'node-lifecycle',
    parts,
    run,
    listen: queue => {
      for (const node of objects.list<Node>('Node')) {
        noteReport(node)
        noteSign(nameOf(node))
        queue.add(nameOf(node))
      }
      return [
        objects.onChange<Node>('Node', ({ name }, now, before) => {
          if (now !== undefined && now.status?.conditions !== before?.status?.conditions) noteReport(now)
          if (
            now !== undefined &&
            readyOf(now) !== undefined &&
            readyOf(now)?.status !== (before && readyOf(before)?.status)
          )
            tell(now)
          queue.add(name)
        }),
        objects.onChange<Lease>('Lease', ({ namespace, name }, now) => {
          if (namespace !== leases || now === undefined) return
          noteSign(name)
          const node = objects.get<Node>('Node', { namespace: '', name })
          if (node !== undefined && isUnreachable(node)) queue.add(name)
        }),
        // A pod that became ready by a late report of a node that is silent again.
        objects.onChange<Pod>('Pod', (_key, now) => {
          const name = now?.spec?.nodeName
          if (now === undefined || name === undefined || isTerminating(now) || !isReady(now)) return
          const node = objects.get<Node>('Node', { namespace: '', name })
          if (node !== undefined && isUnreachable(node)) queue.add(name)
        }),
      ]
    },
  })
}

const readyOf = (node: Node): NodeCondition | undefined => node.status?.conditions?.find(one => one.type === 'Ready')

/** What is remembered of a node. One entry per node. */
interface Sign {
  /** Monotonic time of the last one. */
  readonly at: number
  /** Whether one came since the node is Unknown. */
  readonly isBack: boolean
  /** The Ready condition that it reported last. */
  readonly reported?: NodeCondition
}
