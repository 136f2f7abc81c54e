import { describeError, isFault } from '../../api/fault.ts'
import type { Pod, ReplicaSet } from '../../api/types.ts'
import { controllerOf, keyOf, nameOf, uidOf } from '../../core/workloads/pod-facts.ts'
import { ownedBy, withOwner, withoutOwner } from '../../core/workloads/pod-from-template.ts'
import type { ReplicaSetAction } from '../../core/workloads/replica-set.ts'
import { planReplicaSet } from '../../core/workloads/replica-set.ts'
import type { Controller, ControllerParts } from './controller.ts'
import { keyParts, lookAgain, restFor, runController, unlessGone } from './controller.ts'
import { aboutObject } from './events.ts'
import { orphanKey } from './indexes.ts'
import { slowStart } from './slow-start.ts'

const component = 'replicaset-controller'
const by = { fieldManager: component }

/** Keeps as many pods of each ReplicaSet as it wants. */
export const replicaSetController = (parts: ControllerParts): Controller => {
  const { objects, indexes, clock } = parts
  /** Why pods could not be made; an entry per failing ReplicaSet, gone with the next success. */
  const failures = new Map<string, { readonly reason: string; readonly message: string }>()

  const run = async (key: string): Promise<number | undefined> => {
    const replicaSet = objects.get<ReplicaSet>('ReplicaSet', keyParts(key))
    if (replicaSet === undefined) {
      failures.delete(key)
      return undefined
    }
    const pods = [
      ...indexes.podsByOwner.of(uidOf(replicaSet)),
      ...indexes.podsByOwner.of(orphanKey(replicaSet.metadata.namespace ?? '')),
    ]
    const now = clock.now()
    const failure = failures.get(key)
    const plan = planReplicaSet({ replicaSet, pods, now, ...(failure === undefined ? {} : { failure }) })
    await objects.modify<ReplicaSet>(
      'ReplicaSet',
      keyParts(key),
      present => (uidOf(present) === uidOf(replicaSet) ? { ...present, status: plan.status } : undefined),
      { ...by, subresource: 'status' },
    )
    try {
      await slowStart(plan.actions, action => act(parts, replicaSet, action))
      failures.delete(key)
    } catch (error) {
      if (isFault(error, 'Conflict')) throw error
      failures.set(key, { reason: 'FailedCreate', message: describeError(error) })
      parts.events.record({
        about: aboutObject(replicaSet, 'apps/v1', 'ReplicaSet'),
        type: 'Warning',
        reason: 'FailedCreate',
        message: `Error creating: ${describeError(error)}`,
        component,
      })
      throw error
    }
    return lookAgain(plan.lookAgainAtMs, now)
  }

  return runController({
    name: 'replica-set',
    parts,
    run,
    restMs: key => restFor(objects.get<ReplicaSet>('ReplicaSet', keyParts(key))?.status?.replicas ?? 0),
    listen: queue => {
      for (const one of objects.list<ReplicaSet>('ReplicaSet')) queue.add(keyOf(one))
      const addOwnersOf = (pod: Pod | undefined): void => {
        if (pod === undefined) return
        const owner = controllerOf(pod)
        const namespace = pod.metadata.namespace ?? ''
        if (owner?.kind === 'ReplicaSet') queue.add(`${namespace}/${owner.name}`)
        else if (owner === undefined && pod.metadata.labels !== undefined) {
          for (const one of indexes.replicaSetsByNamespace.of(namespace)) queue.add(keyOf(one))
        }
      }
      return [
        objects.onChange<ReplicaSet>('ReplicaSet', ({ namespace, name }) => queue.add(`${namespace}/${name}`)),
        objects.onChange<Pod>('Pod', (_key, now, before) => {
          addOwnersOf(now)
          if (before !== undefined && controllerOf(before)?.uid !== (now && controllerOf(now)?.uid)) addOwnersOf(before)
        }),
      ]
    },
  })
}

const act = async (parts: ControllerParts, replicaSet: ReplicaSet, step: ReplicaSetAction): Promise<void> => {
  const { objects, events } = parts
  const tell = (reason: string, message: string): void =>
    events.record({
      about: aboutObject(replicaSet, 'apps/v1', 'ReplicaSet'),
      type: 'Normal',
      reason,
      message,
      component,
    })
  switch (step.action) {
    case 'createPod': {
      const made = await objects.create<Pod>('Pod', step.pod, by)
      return tell('SuccessfulCreate', `Created pod: ${nameOf(made)}`)
    }
    case 'deletePod': {
      const preconditions = { uid: uidOf(step.pod) }
      await unlessGone(objects.delete('Pod', keyParts(keyOf(step.pod)), { preconditions }))
      return tell('SuccessfulDelete', `Deleted pod: ${nameOf(step.pod)}`)
    }
    case 'adoptPod': {
      const owner = ownedBy(replicaSet, 'apps/v1', 'ReplicaSet')
      return unlessGone(objects.update<Pod>('Pod', { ...step.pod, metadata: withOwner(step.pod.metadata, owner) }, by))
    }
    case 'releasePod': {
      const metadata = withoutOwner(step.pod.metadata, uidOf(replicaSet))
      return unlessGone(objects.update<Pod>('Pod', { ...step.pod, metadata }, by))
    }
  }
}
