import type { Node, Pod } from '../../api/types.ts'
import { isFinished, isTerminating, keyOf, timeMs, uidOf } from '../../core/workloads/pod-facts.ts'
import type { Controller, ControllerParts } from './controller.ts'
import { keyParts, runController, unlessGone } from './controller.ts'

/** Pods that have ended are kept up to this many; then the oldest go. */
const mostFinished = 500

/** A node that was removed may be back at once, under the same name: its pods wait this long. k8s: quarantineTime */
const quarantineMs = 40_000

/** Takes away pods of nodes that were removed, and pods that have long ended. */
export const podGarbageController = (parts: ControllerParts): Controller => {
  const { objects, indexes, clock } = parts
  /** Node -> when (monotonic) it was first missed. Only nodes that still have pods. */
  const missed = new Map<string, number>()

  const ofNode = async (name: string): Promise<number | undefined> => {
    const pods = indexes.podsByNode.of(name)
    const isThere = objects.get<Node>('Node', { namespace: '', name }) !== undefined
    if (isThere || pods.length === 0) {
      missed.delete(name)
      return undefined
    }
    const since = missed.get(name) ?? clock.monotonic()
    missed.set(name, since)
    const left = since + quarantineMs - clock.monotonic()
    if (left > 0) return left
    for (const pod of pods) {
      // Nobody is left to let go of it.
      if (!isTerminating(pod)) await unlessGone(objects.delete('Pod', keyParts(keyOf(pod)), { gracePeriodSeconds: 0 }))
      await objects.removeFinally('Pod', keyParts(keyOf(pod)), uidOf(pod))
    }
    return undefined
  }

  const finished = async (): Promise<undefined> => {
    const ended = objects.list<Pod>('Pod').filter(isFinished)
    const oldest = ended.toSorted((a, b) => madeMs(a) - madeMs(b)).slice(0, Math.max(0, ended.length - mostFinished))
    for (const pod of oldest) {
      await unlessGone(objects.delete('Pod', keyParts(keyOf(pod)), { preconditions: { uid: uidOf(pod) } }))
    }
    return undefined
  }

  return runController({
    name: 'pod-garbage',
    parts,
    workers: 2,
    run: async key => (key === '' ? finished() : ofNode(key)),
    listen: queue => {
      queue.add('')
      for (const name of indexes.podsByNode.keys()) if (name !== '') queue.add(name)
      return [
        objects.onChange<Node>('Node', ({ name }, now) => {
          if (now === undefined || missed.has(name)) queue.add(name)
        }),
        objects.onChange<Pod>('Pod', (_key, now, before) => {
          if (now !== undefined && isFinished(now) && (before === undefined || !isFinished(before)))
            queue.add('', 10_000)
          const node = now?.spec?.nodeName
          if (
            node !== undefined &&
            before?.spec !== now?.spec &&
            objects.get('Node', { namespace: '', name: node }) === undefined
          )
            queue.add(node)
        }),
      ]
    },
  })
}

const madeMs = (pod: Pod): number => timeMs(pod.metadata.creationTimestamp) ?? 0
