import type { Invocation } from './command.ts'
import type { KubeClient } from './kube-client.ts'
import type { AppliedObject } from './objects.ts'
import { pathOf } from './resources.ts'
import { at, listAt, numberAt, textAt } from './shown.ts'
import { pause } from './wait.ts'

/** How far one object is: done, or what it waits for. */
export interface Progress {
  readonly isDone: boolean
  readonly says: string
  readonly hasFailed?: boolean
}

const condition = (object: unknown, type: string): unknown =>
  listAt(object, 'status', 'conditions').find(one => at(one, 'type') === type)

/** Reads the progress of a roll-out from the object's own status, with the words of `kubectl rollout status`. */
export const progressOf = (kind: string, object: unknown): Progress => {
  const name = textAt(object, 'metadata', 'name') ?? ''
  const isObserved =
    (numberAt(object, 'status', 'observedGeneration') ?? 0) >= (numberAt(object, 'metadata', 'generation') ?? 0)
  if (kind === 'Deployment') {
    const progressing = condition(object, 'Progressing')
    if (at(progressing, 'reason') === 'ProgressDeadlineExceeded')
      return { isDone: true, hasFailed: true, says: textAt(progressing, 'message') ?? 'progress deadline exceeded' }
    const wanted = numberAt(object, 'spec', 'replicas') ?? 1
    const updated = numberAt(object, 'status', 'updatedReplicas') ?? 0
    const all = numberAt(object, 'status', 'replicas') ?? 0
    const available = numberAt(object, 'status', 'availableReplicas') ?? 0
    if (!isObserved) return { isDone: false, says: `waiting for deployment ${name} to be observed` }
    if (updated < wanted) return { isDone: false, says: `${updated} of ${wanted} new replicas have been updated` }
    if (all > updated) return { isDone: false, says: `${all - updated} old replicas are pending termination` }
    if (available < updated) return { isDone: false, says: `${available} of ${updated} updated replicas are available` }
    return { isDone: true, says: `deployment ${name} successfully rolled out` }
  }
  if (kind === 'DaemonSet') {
    const wanted = numberAt(object, 'status', 'desiredNumberScheduled') ?? 0
    const updated = numberAt(object, 'status', 'updatedNumberScheduled') ?? 0
    const available = numberAt(object, 'status', 'numberAvailable') ?? 0
    if (!isObserved) return { isDone: false, says: `waiting for daemon set ${name} to be observed` }
    if (updated < wanted) return { isDone: false, says: `${updated} out of ${wanted} new pods have been updated` }
    if (available < wanted) return { isDone: false, says: `${available} of ${wanted} updated pods are available` }
    return { isDone: true, says: `daemon set ${name} successfully rolled out` }
  }
  if (kind === 'ReplicaSet') {
    const wanted = numberAt(object, 'spec', 'replicas') ?? 1
    const available = numberAt(object, 'status', 'availableReplicas') ?? 0
    return isObserved && available >= wanted
      ? { isDone: true, says: `replica set ${name} is available` }
      : { isDone: false, says: `${available} of ${wanted} replicas are available` }
  }
  if (kind === 'Pod') {
    const phase = textAt(object, 'status', 'phase') ?? 'Pending'
    if (phase === 'Failed')
      return {
        isDone: true,
        hasFailed: true,
        says: `pod ${name} failed: ${textAt(object, 'status', 'message') ?? textAt(object, 'status', 'reason') ?? 'see dunlin why'}`,
      }
    if (phase === 'Succeeded' || at(condition(object, 'Ready'), 'status') === 'True')
      return { isDone: true, says: `pod ${name} is ${phase === 'Succeeded' ? 'complete' : 'ready'}` }
    return { isDone: false, says: `pod ${name} is ${phase}: ${waitingReason(object)}` }
  }
  return { isDone: true, says: `${kind.toLowerCase()} ${name} is in place` }
}

const waitingReason = (pod: unknown): string => {
  const unscheduled = condition(pod, 'PodScheduled')
  if (at(unscheduled, 'status') === 'False') return textAt(unscheduled, 'message') ?? 'not scheduled'
  const statuses = [...listAt(pod, 'status', 'initContainerStatuses'), ...listAt(pod, 'status', 'containerStatuses')]
  for (const status of statuses) {
    const reason = textAt(status, 'state', 'waiting', 'reason')
    if (reason !== undefined)
      return `${textAt(status, 'name') ?? ''} ${reason}${textAt(status, 'state', 'waiting', 'message') === undefined ? '' : `, ${textAt(status, 'state', 'waiting', 'message')}`}`
  }
  return 'not ready'
}

/**
 * Follows the roll-out of all objects, a line each time one gets further.
 * Resolves to 0 when all are done, 1 when one has failed, 3 when the time is over.
 */
export const watchRollout = async (work: {
  readonly of: Invocation
  readonly kube: KubeClient
  readonly objects: readonly AppliedObject[]
  readonly timeoutMs: number
}): Promise<number> => {
  const { of, kube } = work
  const deadline = of.now() + work.timeoutMs
  const said = new Map<string, string>()
  for (;;) {
    let isDone = true
    let hasFailed = false
    for (const object of work.objects) {
      const now = await kube.request('GET', pathOf(object.kind, object.namespace, object.name), { signal: of.signal })
      const progress = progressOf(object.kind.kind, now)
      const key = `${object.kind.plural}/${object.namespace ?? ''}/${object.name}`
      if (said.get(key) !== progress.says) of.out.write(`${progress.says}\n`)
      said.set(key, progress.says)
      isDone &&= progress.isDone
      hasFailed ||= progress.hasFailed === true
    }
    if (hasFailed) return 1
    if (isDone) return 0
    if (of.now() > deadline) {
      of.out.note(`gave up after ${Math.round(work.timeoutMs / 1000)} s; "dunlin why KIND/NAME" tells the causes`)
      return 3
    }
    if (of.signal.aborted) return 130
    await pause(400, of.signal)
  }
}
