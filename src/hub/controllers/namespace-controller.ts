import { isFault } from '../../api/fault.ts'
import { allKinds } from '../../api/kinds.ts'
import type { KubeObject, Namespace, ServiceAccount } from '../../api/types.ts'
import { withCondition } from '../../core/workloads/conditions.ts'
import { isTerminating, keyOf, nameOf } from '../../core/workloads/pod-facts.ts'
import type { Controller, ControllerParts } from './controller.ts'
import { keyParts, runController, unlessGone } from './controller.ts'

/** The namespaces that every cluster has. */
const always = ['default', 'kube-system', 'kube-public', 'kube-node-lease']

/** What makes other objects goes first, so that nothing is made anew meanwhile. */
const makers = ['Deployment', 'DaemonSet', 'ReplicaSet']
const kinds = allKinds
  .filter(kind => kind.isNamespaced)
  .toSorted((a, b) => Number(makers.includes(b.kind)) - Number(makers.includes(a.kind)))
const by = { fieldManager: 'namespace-controller' }

/** While something is left of a namespace that is to go, it is looked at again after this long. */
const lookAgainMs = 5_000

/*
 *   there ─> has a ServiceAccount `default`
 *   marked ─> everything in it is deleted ─> nothing is left ─> its finalizer goes, and it with it
 */

/** Makes the namespaces that are always there, gives each its ServiceAccount, and empties those that are to go. */
export const namespaceController = (parts: ControllerParts): Controller => {
  const { objects, clock } = parts

  const ensure = async (name: string): Promise<undefined> => {
    try {
      await objects.create<Namespace>('Namespace', { metadata: { name } }, by)
    } catch (error) {
      if (!isFault(error, 'AlreadyExists')) throw error
    }
    return undefined
  }

  const ensureAccount = async (namespace: string): Promise<undefined> => {
    if (objects.get('ServiceAccount', { namespace, name: 'default' }) !== undefined) return undefined
    try {
      await objects.create<ServiceAccount>('ServiceAccount', { metadata: { namespace, name: 'default' } }, by)
    } catch (error) {
      if (!isFault(error, 'AlreadyExists', 'NotFound', 'Forbidden')) throw error
    }
    return undefined
  }

  const empty = async (namespace: Namespace): Promise<number | undefined> => {
    const name = nameOf(namespace)
    for (const kind of kinds) {
      for (const object of objects.list(kind.kind, { namespace: name })) {
        if (isTerminating(object)) continue
        await unlessGone(objects.delete(kind.kind, keyParts(keyOf(object)), { propagationPolicy: 'Background' }))
      }
    }
    const left = kinds
      .map(kind => ({ plural: kind.plural, objects: objects.list(kind.kind, { namespace: name }) }))
      .filter(one => one.objects.length > 0)
    if (left.length === 0) {
      await objects.modify<Namespace>(
        'Namespace',
        { namespace: '', name },
        now => ({ ...now, spec: { ...now.spec, finalizers: [] } }),
        { ...by, subresource: 'finalize' },
      )
      return undefined
    }
    await say(name, left)
    return lookAgainMs
  }

  /** k8s: the condition that tells why a namespace stays. */
  const say = async (
    name: string,
    left: readonly { readonly plural: string; readonly objects: readonly KubeObject[] }[],
  ): Promise<void> => {
    const parts = left.map(one => `${one.plural} has ${one.objects.length} resource instances`)
    const condition = {
      type: 'NamespaceContentRemaining',
      status: 'True',
      reason: 'SomeResourcesRemain',
      message: `Some resources are remaining: ${parts.join(', ')}`,
    }
    await objects.modify<Namespace>(
      'Namespace',
      { namespace: '', name },
      now => {
        const conditions = withCondition(now.status?.conditions, condition, clock.now())
        return conditions === now.status?.conditions
          ? undefined
          : { ...now, status: { ...now.status, conditions: [...conditions] } }
      },
      { ...by, subresource: 'status' },
    )
  }

  return runController({
    name: 'namespace',
    parts,
    run: async key => {
      const namespace = objects.get<Namespace>('Namespace', { namespace: '', name: key })
      if (namespace === undefined) return always.includes(key) ? ensure(key) : undefined
      return isTerminating(namespace) ? empty(namespace) : ensureAccount(key)
    },
    listen: queue => {
      for (const name of always) queue.add(name)
      for (const namespace of objects.list<Namespace>('Namespace')) queue.add(nameOf(namespace))
      const onGone = kinds.map(kind =>
        objects.onChange(kind.kind, ({ namespace }, now) => {
          if (now !== undefined) return
          const owner = objects.get<Namespace>('Namespace', { namespace: '', name: namespace })
          if (kind.kind === 'ServiceAccount' || (owner !== undefined && isTerminating(owner))) queue.add(namespace)
        }),
      )
      return [objects.onChange<Namespace>('Namespace', ({ name }) => queue.add(name)), ...onGone]
    },
  })
}
