import type { DaemonSet, Node, Pod } from '../../api/types.ts'
import { isNodeReady } from '../../core/scheduling/node-filters.ts'
import type { DaemonSetAction } from '../../core/workloads/daemon-set.ts'
import { planDaemonSet } from '../../core/workloads/daemon-set.ts'
import { controllerOf, keyOf, nameOf, uidOf } from '../../core/workloads/pod-facts.ts'
import { ownedBy, withOwner, withoutOwner } from '../../core/workloads/pod-from-template.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'
import type { Controller, ControllerParts } from './controller.ts'
import { keyParts, lookAgain, restFor, runController, unlessGone } from './controller.ts'
import { aboutObject } from './events.ts'
import { orphanKey } from './indexes.ts'
import { slowStart } from './slow-start.ts'

const component = 'daemonset-controller'
const by = { fieldManager: component }

/** Keeps one pod of each DaemonSet on every node that it can go to. */
export const daemonSetController = (parts: ControllerParts): Controller => {
  const { objects, indexes, clock } = parts

  const run = async (key: string): Promise<number | undefined> => {
    const daemonSet = objects.get<DaemonSet>('DaemonSet', keyParts(key))
    if (daemonSet === undefined) return undefined
    const now = clock.now()
    const plan = planDaemonSet({
      daemonSet,
      nodes: objects.list<Node>('Node'),
      pods: [
        ...indexes.podsByOwner.of(uidOf(daemonSet)),
        ...indexes.podsByOwner.of(orphanKey(daemonSet.metadata.namespace ?? '')),
      ],
      now,
    })
    await objects.modify<DaemonSet>(
      'DaemonSet',
      keyParts(key),
      present => (uidOf(present) === uidOf(daemonSet) ? { ...present, status: plan.status } : undefined),
      { ...by, subresource: 'status' },
    )
    await slowStart(plan.actions, action => act(parts, daemonSet, action))
    return lookAgain(plan.lookAgainAtMs, now)
  }

  return runController({
    name: 'daemon-set',
    parts,
    run,
    restMs: () => restFor(objects.list<Node>('Node').length),
    listen: queue => {
      const addAll = (): void => {
        for (const one of objects.list<DaemonSet>('DaemonSet')) queue.add(keyOf(one))
      }
      addAll()
      const addOwnerOf = (pod: Pod | undefined): void => {
        if (pod === undefined) return
        const owner = controllerOf(pod)
        const namespace = pod.metadata.namespace ?? ''
        if (owner?.kind === 'DaemonSet') queue.add(`${namespace}/${owner.name}`)
        else if (owner === undefined) {
          for (const one of indexes.daemonSetsByNamespace.of(namespace)) queue.add(keyOf(one))
        }
      }
      return [
        objects.onChange<DaemonSet>('DaemonSet', ({ namespace, name }) => queue.add(`${namespace}/${name}`)),
        objects.onChange<Node>('Node', (_key, now, before) => {
          if (whatMatters(now) !== whatMatters(before)) addAll()
        }),
        objects.onChange<Pod>('Pod', (_key, now, before) => addOwnerOf(now ?? before)),
      ]
    },
  })
}

/** Of a node, what decides whether a DaemonSet's pod belongs on it. */
const whatMatters = (node: Node | undefined): string =>
  node === undefined ? '' : canonicalJson([node.metadata.labels, node.spec?.taints, isNodeReady(node)])

const act = async (parts: ControllerParts, daemonSet: DaemonSet, step: DaemonSetAction): Promise<void> => {
  const { objects, events } = parts
  const tell = (reason: string, message: string): void =>
    events.record({ about: aboutObject(daemonSet, 'apps/v1', 'DaemonSet'), type: 'Normal', reason, message, component })
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
      const owner = ownedBy(daemonSet, 'apps/v1', 'DaemonSet')
      return unlessGone(objects.update<Pod>('Pod', { ...step.pod, metadata: withOwner(step.pod.metadata, owner) }, by))
    }
    case 'releasePod': {
      const metadata = withoutOwner(step.pod.metadata, uidOf(daemonSet))
      return unlessGone(objects.update<Pod>('Pod', { ...step.pod, metadata }, by))
    }
  }
}
