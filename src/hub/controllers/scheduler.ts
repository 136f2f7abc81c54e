import type { Pod } from '../../api/types.ts'
import type { SchedulingDecision } from '../../core/scheduling/schedule-pod.ts'
import { schedulePod } from '../../core/scheduling/schedule-pod.ts'
import { withCondition } from '../../core/workloads/conditions.ts'
import { nodeOfDaemonPod } from '../../core/workloads/daemon-pod.ts'
import { isFinished, isTerminating, keyOf, podCondition, uidOf } from '../../core/workloads/pod-facts.ts'
import type { Controller, ControllerParts } from './controller.ts'
import { keyParts, runController } from './controller.ts'
import { aboutObject } from './events.ts'

const component = 'default-scheduler'
const by = { fieldManager: component }

/*
 *   unbound pod ─> schedulePod ─┬─ bind ─> assumed in the node's room ─> spec.nodeName written ─> its room counts it
 *                               └─ wait ─> condition and event say why ─> waits for more room anywhere
 */

/** Binds pods to nodes. Pods that fit nowhere wait, and are looked at again when a node gains room. */
export const scheduler = (parts: ControllerParts): Controller => {
  const { objects, clock, events, rooms } = parts
  /** Keys of pods that fit nowhere now. */
  const waiting = new Set<string>()

  const bind = async (pod: Pod, key: string, node: string): Promise<void> => {
    rooms.assume(pod, node)
    let isBound = false
    try {
      await objects.modify<Pod>(
        'Pod',
        keyParts(key),
        now => {
          isBound = uidOf(now) === uidOf(pod) && isUnbound(now)
          if (!isBound) return undefined
          const scheduled = { type: 'PodScheduled', status: 'True' }
          return {
            ...now,
            spec: { ...now.spec, containers: now.spec?.containers ?? [], nodeName: node },
            status: { ...now.status, conditions: withScheduled(now, scheduled, clock.now()) },
          }
        },
        { ...by, subresource: 'binding' },
      )
    } finally {
      rooms.forget(pod)
    }
    if (!isBound) return
    events.record({
      about: aboutObject(pod, 'v1', 'Pod'),
      type: 'Normal',
      reason: 'Scheduled',
      message: `Successfully assigned ${key} to ${node}`,
      component,
    })
  }

  const explain = async (pod: Pod, key: string, reason: string, message: string): Promise<void> => {
    waiting.add(key)
    const condition = { type: 'PodScheduled', status: 'False', reason, message }
    if (podCondition(pod, 'PodScheduled')?.message === message) return
    // First, so that who waits for the condition finds the event too.
    events.record({
      about: aboutObject(pod, 'v1', 'Pod'),
      type: 'Warning',
      reason: 'FailedScheduling',
      message,
      component,
    })
    await objects.modify<Pod>(
      'Pod',
      keyParts(key),
      now =>
        uidOf(now) === uidOf(pod) && isUnbound(now)
          ? { ...now, status: { ...now.status, conditions: withScheduled(now, condition, clock.now()) } }
          : undefined,
      { ...by, subresource: 'status' },
    )
  }

  /** A pod for one named node (a DaemonSet's) is tried there first: all others would only say that it is not theirs. */
  const decide = (pod: Pod): SchedulingDecision => {
    const named = rooms.of(nodeOfDaemonPod(pod) ?? '')
    const there = named === undefined ? undefined : schedulePod(pod, [named])
    return there?.action === 'bind' ? there : schedulePod(pod, rooms.walk())
  }

  const run = async (key: string): Promise<undefined> => {
    waiting.delete(key)
    const pod = objects.get<Pod>('Pod', keyParts(key))
    if (pod === undefined || !isOurs(pod)) return undefined
    const decision = decide(pod)
    if (decision.action === 'bind') await bind(pod, key, decision.node)
    else await explain(pod, key, decision.reason, decision.message)
    return undefined
  }

  return runController({
    name: 'scheduler',
    parts,
    // Decisions are made one by one; their writes may share a disk sync.
    workers: 32,
    run,
    listen: queue => {
      let isRetrySet = false
      const retryWaiting = (): void => {
        if (isRetrySet || waiting.size === 0) return
        isRetrySet = true
        // Many changes are one retry; the more pods wait, the longer it takes them to be looked at all again.
        clock.after(Math.max(200, waiting.size * 2), () => {
          isRetrySet = false
          for (const key of waiting) queue.add(key)
        })
      }
      for (const pod of parts.indexes.podsByNode.of('')) queue.add(keyOf(pod))
      return [
        rooms.onMoreRoom(retryWaiting),
        objects.onChange<Pod>('Pod', ({ namespace, name }, now, before) => {
          const key = `${namespace}/${name}`
          if (now === undefined) waiting.delete(key)
          else if (isOurs(now) && now.spec !== before?.spec) queue.add(key)
        }),
      ]
    },
  })
}

const isUnbound = (pod: Pod): boolean => (pod.spec?.nodeName ?? '') === ''

/** Whichever scheduler it names: there is one, and a pod that waits for another would wait for ever. */
const isOurs = (pod: Pod): boolean => isUnbound(pod) && !isTerminating(pod) && !isFinished(pod)

const withScheduled = (
  pod: Pod,
  condition: { readonly type: string; readonly status: string; readonly reason?: string; readonly message?: string },
  now: number,
) => withCondition(pod.status?.conditions, condition, now)
