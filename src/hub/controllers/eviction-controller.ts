import type { Node, Pod } from '../../api/types.ts'
import { isLost, planEvictions, siteOf } from '../../core/nodes/evictions.ts'
import { keyOf, nameOf, uidOf } from '../../core/workloads/pod-facts.ts'
import type { Controller, ControllerParts } from './controller.ts'
import { keyParts, lookAgain, runController, unlessGone } from './controller.ts'
import { aboutObject } from './events.ts'

const component = 'taint-eviction-controller'

/** Lets pods go from nodes whose taints they do not bear any longer. */
export const evictionController = (parts: ControllerParts): Controller => {
  const { objects, indexes, clock, events, rooms } = parts

  const run = async (key: string): Promise<number | undefined> => {
    const node = objects.get<Node>('Node', keyParts(key))
    if (node === undefined) {
      lost.delete(key)
      return undefined
    }
    const now = clock.now()
    const isSiteLost = indexes.siteHealth.isLost(siteOf(node))
    const plan = planEvictions({
      node,
      pods: indexes.podsByNode.of(key),
      isSiteLost,
      rooms: rooms.all,
      lostSinceMs: now - lostFor(node, isSiteLost),
      now,
    })
    for (const { action, pod, why } of plan.decisions) {
      tell(node, pod, action === 'evict' ? 'TaintManagerEviction' : 'StaysWithNode', action, why)
      if (action === 'stay') continue
      await unlessGone(objects.delete('Pod', keyParts(keyOf(pod)), { preconditions: { uid: uidOf(pod) } }))
    }
    return lookAgain(plan.lookAgainAtMs, now)
  }

  /**
   * Node -> since when (monotonic) it is lost, as this hub has seen it. While its whole site is gone that time does not
   * run: when the link is back, the last nodes to return get their full time.
   */
  const lost = new Map<string, { readonly since: number; readonly isSiteGone: boolean }>()
  const lostFor = (node: Node, isSiteGone: boolean): number => {
    const now = clock.monotonic()
    const before = lost.get(nameOf(node))
    if (!isLost(node)) lost.delete(nameOf(node))
    else if (before === undefined || before.isSiteGone || isSiteGone) lost.set(nameOf(node), { since: now, isSiteGone })
    return now - (lost.get(nameOf(node))?.since ?? now)
  }

  /** What was last said of a pod, so that the same is not said at every look. Gone with the pod. */
  const said = new Map<string, string>()
  const tell = (node: Node, pod: Pod, reason: string, action: 'evict' | 'stay', why: string): void => {
    if (said.get(uidOf(pod)) === why) return
    said.set(uidOf(pod), why)
    events.record({
      about: aboutObject(pod, 'v1', 'Pod'),
      type: action === 'evict' ? 'Warning' : 'Normal',
      reason,
      message:
        action === 'evict'
          ? `Marking for deletion Pod ${keyOf(pod)}: ${why}`
          : `Stays bound to node ${nameOf(node)} and comes back with it: ${why}`,
      component,
    })
  }

  const hasReason = (node: Node): boolean => (node.spec?.taints ?? []).some(taint => taint.effect === 'NoExecute')

  return runController({
    name: 'eviction',
    parts,
    // One node at a time: what one takes of the others' room, the next must see.
    workers: 1,
    run,
    listen: queue => {
      for (const node of objects.list<Node>('Node')) if (hasReason(node)) queue.add(nameOf(node))
      return [
        // What happens to the whole site decides for each of its nodes; what happens to one of them, for that one alone.
        indexes.siteHealth.onTurn(site => {
          for (const other of indexes.nodesBySite.of(site)) if (hasReason(other)) queue.add(nameOf(other))
        }),
        objects.onChange<Node>('Node', ({ name }, now, before) => {
          if (now?.spec?.taints !== before?.spec?.taints) queue.add(name)
        }),
        objects.onChange<Pod>('Pod', (_key, now, before) => {
          if (now === undefined) said.delete(before?.metadata.uid ?? '')
          const name = now?.spec?.nodeName
          if (name === undefined || before?.spec === now?.spec) return
          const node = objects.get<Node>('Node', { namespace: '', name })
          if (node !== undefined && hasReason(node)) queue.add(name)
        }),
      ]
    },
  })
}
