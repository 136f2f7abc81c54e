import { isFault } from '../../api/fault.ts'
import type { Deployment, Node, Pod, ReplicaSet } from '../../api/types.ts'
import { isUnreachable } from '../../core/nodes/lifecycle.ts'
import type { DeploymentAction } from '../../core/workloads/deployment.ts'
import { planDeployment } from '../../core/workloads/deployment.ts'
import { revisionAnnotation } from '../../core/workloads/deployment-revisions.ts'
import { controllerOf, isTerminating, keyOf, nameOf, uidOf } from '../../core/workloads/pod-facts.ts'
import { ownedBy, withOwner, withoutOwner } from '../../core/workloads/pod-from-template.ts'
import type { Controller, ControllerParts } from './controller.ts'
import { keyParts, lookAgain, runController, unlessGone } from './controller.ts'
import { aboutObject } from './events.ts'
import { orphanKey } from './indexes.ts'

const component = 'deployment-controller'
const by = { fieldManager: component }

/** Rolls out Deployments by way of ReplicaSets. */
export const deploymentController = (parts: ControllerParts): Controller => {
  const { objects, indexes, clock } = parts

  const run = async (key: string): Promise<number | undefined> => {
    const deployment = objects.get<Deployment>('Deployment', keyParts(key))
    if (deployment === undefined) return undefined
    const now = clock.now()
    const plan = planDeployment({
      deployment,
      replicaSets: [
        ...indexes.replicaSetsByOwner.of(uidOf(deployment)),
        ...indexes.replicaSetsByOwner.of(orphanKey(deployment.metadata.namespace ?? '')),
      ],
      podsOf: replicaSet => indexes.podsByOwner.of(uidOf(replicaSet)).filter(pod => !isLeftBehind(parts, pod)),
      now,
    })
    for (const action of plan.actions) await act(parts, deployment, action)
    await objects.modify<Deployment>(
      'Deployment',
      keyParts(key),
      present =>
        uidOf(present) === uidOf(deployment)
          ? { ...present, status: { ...plan.status, ...collisionsOf(present) } }
          : undefined,
      { ...by, subresource: 'status' },
    )
    return lookAgain(plan.lookAgainAtMs, now)
  }

  return runController({
    name: 'deployment',
    parts,
    run,
    listen: queue => {
      for (const one of objects.list<Deployment>('Deployment')) queue.add(keyOf(one))
      const addOwnerOf = (one: ReplicaSet | undefined): void => {
        if (one === undefined) return
        const owner = controllerOf(one)
        const namespace = one.metadata.namespace ?? ''
        if (owner?.kind === 'Deployment') queue.add(`${namespace}/${owner.name}`)
        else if (owner === undefined) {
          for (const deployment of indexes.deploymentsByNamespace.of(namespace)) queue.add(keyOf(deployment))
        }
      }
      return [
        objects.onChange<Deployment>('Deployment', ({ namespace, name }) => queue.add(`${namespace}/${name}`)),
        objects.onChange<ReplicaSet>('ReplicaSet', (_key, now, before) => {
          addOwnerOf(now)
          if (now === undefined || (before && controllerOf(before)?.uid !== controllerOf(now)?.uid)) addOwnerOf(before)
        }),
        // Recreate waits for the last old pod to be gone.
        objects.onChange('Pod', ({ namespace }, now, before) => {
          if (now !== undefined || before === undefined) return
          const owner = controllerOf(before)
          if (owner?.kind !== 'ReplicaSet') return
          addOwnerOf(objects.get<ReplicaSet>('ReplicaSet', { namespace, name: owner.name }))
        }),
      ]
    },
  })
}

/** Deleted on a node that nobody reaches: it counts as gone, for Recreate as for the ReplicaSet. */
const isLeftBehind = ({ objects }: ControllerParts, pod: Pod): boolean => {
  if (!isTerminating(pod)) return false
  const node = objects.get<Node>('Node', { namespace: '', name: pod.spec?.nodeName ?? '' })
  return node === undefined || isUnreachable(node)
}

const collisionsOf = (deployment: Deployment): { readonly collisionCount?: number } =>
  deployment.status?.collisionCount === undefined ? {} : { collisionCount: deployment.status.collisionCount }

const act = async (parts: ControllerParts, deployment: Deployment, step: DeploymentAction): Promise<void> => {
  const { objects, events } = parts
  const scaled = (direction: 'up' | 'down', name: string, from: number, to: number): void =>
    events.record({
      about: aboutObject(deployment, 'apps/v1', 'Deployment'),
      type: 'Normal',
      reason: 'ScalingReplicaSet',
      message: `Scaled ${direction} replica set ${name} from ${from} to ${to}`,
      component,
    })
  switch (step.action) {
    case 'createReplicaSet':
      await createReplicaSet(parts, deployment, step.replicaSet)
      return scaled('up', nameOf(step.replicaSet), 0, step.replicaSet.spec?.replicas ?? 0)
    case 'changeReplicaSet':
      await objects.update<ReplicaSet>('ReplicaSet', step.replicaSet, by)
      if (step.from === step.to) return
      return scaled(step.to > step.from ? 'up' : 'down', nameOf(step.replicaSet), step.from, step.to)
    case 'deleteReplicaSet': {
      const preconditions = { uid: uidOf(step.replicaSet) }
      return unlessGone(objects.delete('ReplicaSet', keyParts(keyOf(step.replicaSet)), { preconditions }))
    }
    case 'adoptReplicaSet': {
      const metadata = withOwner(step.replicaSet.metadata, ownedBy(deployment, 'apps/v1', 'Deployment'))
      return unlessGone(objects.update<ReplicaSet>('ReplicaSet', { ...step.replicaSet, metadata }, by))
    }
    case 'releaseReplicaSet': {
      const metadata = withoutOwner(step.replicaSet.metadata, uidOf(deployment))
      return unlessGone(objects.update<ReplicaSet>('ReplicaSet', { ...step.replicaSet, metadata }, by))
    }
    case 'setRevision':
      await objects.modify<Deployment>('Deployment', keyParts(keyOf(deployment)), present => ({
        ...present,
        metadata: {
          ...present.metadata,
          annotations: { ...present.metadata.annotations, [revisionAnnotation]: String(step.revision) },
        },
      }))
      return
  }
}

/** k8s: where another template took the name, `collisionCount` makes another name in the next round. */
const createReplicaSet = async (
  { objects }: ControllerParts,
  deployment: Deployment,
  replicaSet: ReplicaSet,
): Promise<void> => {
  try {
    await objects.create<ReplicaSet>('ReplicaSet', replicaSet, by)
  } catch (error) {
    if (!isFault(error, 'AlreadyExists')) throw error
    await objects.modify<Deployment>(
      'Deployment',
      keyParts(keyOf(deployment)),
      present => ({
        ...present,
        status: { ...present.status, collisionCount: (present.status?.collisionCount ?? 0) + 1 },
      }),
      { ...by, subresource: 'status' },
    )
    throw error
  }
}
