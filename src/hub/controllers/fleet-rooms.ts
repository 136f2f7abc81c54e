import type { Node, Pod } from '../../api/types.ts'
import { isNodeReady } from '../../core/scheduling/node-filters.ts'
import type { NodeRoom } from '../../core/scheduling/node-room.ts'
import { nodeRoom } from '../../core/scheduling/node-room.ts'
import { isFinished, nameOf, uidOf } from '../../core/workloads/pod-facts.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'
import type { Objects } from '../objects.ts'
import type { Indexes } from './indexes.ts'

/** The room of every node, kept up to date: one change makes one node's room anew, and only when it is asked for. */
export interface FleetRooms {
  all(): readonly NodeRoom[]
  of(node: string): NodeRoom | undefined
  /** Every room once; each walk begins where the last one was left, so that a short one meets others than the one before. */
  walk(): Iterable<NodeRoom>
  /** Calls `tell` when a pod that waits may now fit: a node came or changed, a pod left. */
  onMoreRoom(tell: () => void): () => void
  /** Counts the pod on the node until its binding is seen or given up. */
  assume(pod: Pod, node: string): void
  forget(pod: Pod): void
  stop(): void
}

/** Follows nodes and pods from now on. Call once the objects have been seen in full, after the indexes are made. */
export const fleetRooms = (objects: Objects, indexes: Indexes): FleetRooms => {
  const listeners = new Set<() => void>()
  const tellMoreRoom = (): void => {
    for (const tell of listeners) tell()
  }
  const rooms = new Map<string, NodeRoom | undefined>()
  /** Pod uid -> where it is about to be bound. As many as there are bindings under way. */
  const assumed = new Map<string, { readonly pod: Pod; readonly node: string }>()

  /** Names in order, until a node comes or goes. */
  let names: readonly string[] | undefined
  let begin = 0

  const fresh = (name: string): NodeRoom | undefined => {
    const node = objects.get<Node>('Node', { namespace: '', name })
    if (node === undefined) return undefined
    const bound = indexes.podsByNode.of(name)
    const here = [...assumed.values()].filter(one => one.node === name).map(one => one.pod)
    return nodeRoom(node, [...bound, ...here.filter(pod => !bound.some(one => uidOf(one) === uidOf(pod)))])
  }

  const stale = (name: string | undefined): void => {
    if (name !== undefined && rooms.has(name)) rooms.set(name, undefined)
  }

  for (const node of objects.list<Node>('Node')) rooms.set(nameOf(node), undefined)
  const subscriptions = [
    objects.onChange<Node>('Node', ({ name }, now, before) => {
      if (now === undefined || before === undefined) names = undefined
      if (now === undefined) rooms.delete(name)
      else if (before === undefined || whatMatters(now) !== whatMatters(before)) {
        rooms.set(name, undefined)
        tellMoreRoom()
      }
    }),
    objects.onChange<Pod>('Pod', (_key, now, before) => {
      if (
        now !== undefined &&
        before !== undefined &&
        now.spec === before.spec &&
        isFinished(now) === isFinished(before)
      )
        return
      stale(before?.spec?.nodeName)
      stale(now?.spec?.nodeName)
      const hasLeft = before?.spec?.nodeName !== undefined && (now === undefined || isFinished(now))
      if (hasLeft) tellMoreRoom()
    }),
  ]

  const roomOf = (name: string): NodeRoom | undefined => {
    const known = rooms.get(name)
    if (known !== undefined || !rooms.has(name)) return known
    const made = fresh(name)
    if (made !== undefined) rooms.set(name, made)
    return made
  }

  return {
    all: () => [...rooms.keys()].flatMap(name => roomOf(name) ?? []),
    of: roomOf,
    *walk() {
      names ??= [...rooms.keys()]
      const order = names
      for (let step = 0; step < order.length; step += 1) {
        const at = begin % order.length
        begin = at + 1
        const room = roomOf(order[at] ?? '')
        if (room !== undefined) yield room
      }
    },
    onMoreRoom(tell) {
      listeners.add(tell)
      return () => listeners.delete(tell)
    },
    assume(pod, node) {
      assumed.set(uidOf(pod), { pod, node })
      stale(node)
    },
    forget(pod) {
      const was = assumed.get(uidOf(pod))
      assumed.delete(uidOf(pod))
      stale(was?.node)
    },
    stop() {
      for (const stop of subscriptions) stop()
    },
  }
}

/** Of a node, what decides whether a pod fits. Heartbeats are not among it. */
const whatMatters = (node: Node): string =>
  canonicalJson([node.spec, node.metadata.labels, node.status?.allocatable, isNodeReady(node)])
