import type { Node, Pod, Taint } from '../../api/types.ts'
import { podNeeds, whyNot } from '../scheduling/node-filters.ts'
import type { NodeRoom } from '../scheduling/node-room.ts'
import { withPod } from '../scheduling/node-room.ts'
import { bestOf } from '../scheduling/node-scores.ts'
import { leavesAtMs } from '../scheduling/taints.ts'
import { controllerOf, earliest, isFinished, isTerminating, nameOf, timeMs } from '../workloads/pod-facts.ts'
import { notReadyTaint, unreachableTaint } from './lifecycle.ts'

export type EvictionDecision =
  /** Marked deleted; its controller makes another. The pod itself stays until its node lets go of it. */
  | { readonly action: 'evict'; readonly pod: Pod; readonly why: string }
  | { readonly action: 'stay'; readonly pod: Pod; readonly why: string }

export interface EvictionPlan {
  readonly decisions: readonly EvictionDecision[]
  readonly lookAgainAtMs?: number
}

/** The site of a node: the LAN that it shares with others. @example siteOf(node) // 'default' */
export const siteOf = (node: Node): string => node.metadata.labels?.['dunlin.io/site'] ?? 'default'

/** A node that cannot take its pods' replacements is asked about again after this long. */
const askAgainMs = 30_000

/**
 * Which pods leave a node for its NoExecute taints, now that their time is up.
 *
 * A taint that an operator set is a wish: its pods go. A node that is lost or not ready is bad luck: there a pod is
 * replaced only if a controller will make another, another ready node could take that one now, and the fault is the
 * node's and not the site's: when more than half of a site's nodes are gone at once, the link is gone, and nobody is
 * replaced. Of a site of one node nobody is ever replaced; of two, one may be lost. All others stay bound, and come back
 * with their node.
 *
 * @param view.isSiteLost `isMostlyLost` of the node's site, itself among it
 * @param view.rooms of the whole fleet; asked for only when a pod may leave
 * @param view.lostSinceMs since when this hub has seen the node lost, and its site not: not the taint's own time, which
 *   may lie before a restart of the hub or a jump of its clock
 * @example planEvictions({ node, pods, isSiteLost, rooms, lostSinceMs, now }).decisions // [{ action: 'stay', why: … }]
 */
export const planEvictions = (view: {
  readonly node: Node
  readonly pods: readonly Pod[]
  readonly isSiteLost: boolean
  readonly rooms: () => readonly NodeRoom[]
  readonly lostSinceMs: number
  readonly now: number
}): EvictionPlan => {
  const { node, now, isSiteLost } = view
  const taints = (node.spec?.taints ?? []).filter(one => one.effect === 'NoExecute')
  if (taints.length === 0) return { decisions: [] }
  const isBadLuck = (taint: Taint): boolean => taint.key === unreachableTaint || taint.key === notReadyTaint
  const wishes = taints.filter(taint => !isBadLuck(taint))
  // With the site gone nobody leaves: then the taint's own time only says when to tell why.
  const since = (taint: Taint): number =>
    isBadLuck(taint) && !isSiteLost ? view.lostSinceMs : (timeMs(taint.timeAdded) ?? now)
  let others: Map<string, NodeRoom> | undefined
  const othersOnce = (): Map<string, NodeRoom> => {
    others ??= new Map(view.rooms().flatMap(room => (room.name === nameOf(node) ? [] : [[room.name, room]])))
    return others
  }
  const decisions: EvictionDecision[] = []
  let next: number | undefined
  for (const pod of view.pods.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))) {
    if (isTerminating(pod) || isFinished(pod)) continue
    const wishedAt = leavesAtMs(wishes, pod.spec?.tolerations, since)
    if (wishedAt !== undefined && wishedAt <= now) {
      decisions.push({ action: 'evict', pod, why: 'a taint of the node that it does not tolerate' })
      continue
    }
    const lostAt = leavesAtMs(taints, pod.spec?.tolerations, since)
    next = earliest(next, wishedAt)
    if (lostAt === undefined) continue
    if (lostAt > now) {
      next = earliest(next, lostAt)
      continue
    }
    const why = whyStays(pod, isSiteLost) ?? takeRoom(pod, othersOnce())
    decisions.push(why === undefined ? { action: 'evict', pod, why: lostWords(node) } : { action: 'stay', pod, why })
    if (why !== undefined) next = earliest(next, now + askAgainMs)
  }
  return { decisions, ...(next === undefined ? {} : { lookAgainAtMs: next }) }
}

const lostWords = (node: Node): string => `node ${nameOf(node)} is lost, and another can take it`

/** Whether the node bears a taint for being lost or not ready. */
export const isLost = (node: Node): boolean =>
  (node.spec?.taints ?? []).some(
    taint => taint.effect === 'NoExecute' && (taint.key === unreachableTaint || taint.key === notReadyTaint),
  )

/** Of the nodes of a site: how many were ever ready, and how many of those are not ready now. */
export interface SiteTally {
  readonly known: number
  readonly lost: number
}

export const siteTally = (site: readonly Node[]): SiteTally => {
  const all = site.map(node => node.status?.conditions?.find(one => one.type === 'Ready')?.status)
  const known = all.filter(status => status !== undefined)
  return { known: known.length, lost: known.filter(status => status !== 'True').length }
}

/** More than half of the nodes that were ever ready are not ready now. */
export const isMostlyLost = ({ known, lost }: SiteTally): boolean => lost * 2 > known

const whyStays = (pod: Pod, isSiteLost: boolean): string | undefined => {
  const owner = controllerOf(pod)
  if (owner === undefined) return 'no controller would make another'
  if (owner.kind === 'DaemonSet') return 'a DaemonSet pod belongs to its node'
  if (isSiteLost) return "more than half of the site's nodes are gone at once: the link is, not the node"
  return tiedBy(pod)
}

/** What of the pod lies on its node and nowhere else. A hostPath that it only reads is everywhere. */
const tiedBy = (pod: Pod): string | undefined => {
  const written = new Set(
    [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]
      .flatMap(container => container.volumeMounts ?? [])
      .filter(mount => mount.readOnly !== true)
      .map(mount => mount.name),
  )
  const volume = (pod.spec?.volumes ?? []).find(
    one => one.persistentVolumeClaim !== undefined || (one.hostPath !== undefined && written.has(one.name)),
  )
  return volume === undefined ? undefined : `its volume ${volume.name} lies on the node`
}

/** Takes the room that the replacement will need, or says why there is none. */
const takeRoom = (pod: Pod, others: Map<string, NodeRoom>): string | undefined => {
  const { nodeName: _, ...spec } = pod.spec ?? { containers: [] }
  const needs = podNeeds({ ...pod, spec })
  const best = bestOf(
    needs,
    [...others.values()].filter(room => whyNot(needs, room).length === 0),
  )
  if (best === undefined) return 'no other ready node could take it now'
  others.set(best.name, withPod(best, pod))
  return undefined
}
