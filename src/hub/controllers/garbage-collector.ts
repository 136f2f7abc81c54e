import { allKinds, kindOf } from '../../api/kinds.ts'
import type { KubeObject, OwnerReference } from '../../api/types.ts'
import type { OwnerState } from '../../core/workloads/garbage.ts'
import { decideGarbage, foregroundFinalizer, orphanFinalizer } from '../../core/workloads/garbage.ts'
import { isTerminating, keyOf, uidOf } from '../../core/workloads/pod-facts.ts'
import { withoutOwner } from '../../core/workloads/pod-from-template.ts'
import type { Controller, ControllerParts } from './controller.ts'
import { keyParts, runController, unlessGone } from './controller.ts'
import type { ObjectIndex } from './object-index.ts'
import { objectIndex } from './object-index.ts'

const by = { fieldManager: 'generic-garbage-collector' }

/** Kinds in memory own nothing and are owned by nothing. */
const kinds = allKinds.filter(kind => kind.storage === 'store' && kind.kind !== 'Event')

interface Dependent {
  readonly kind: string
  readonly object: KubeObject
}

/*
 *   an owner goes or is marked ─> each dependent is asked for ─> decideGarbage ─> delete, or drop the owner
 *   a dependent goes ─> its owners are asked for: one that waits for it may go now
 */

/** Deletes what nobody owns any more, and sees to foreground deletion and orphaning. */
export const garbageCollector = (parts: ControllerParts): Controller => {
  const { objects } = parts
  let byOwner: readonly { readonly kind: string; readonly index: ObjectIndex<KubeObject> }[] = []

  const dependentsOf = (uid: string): readonly Dependent[] =>
    byOwner.flatMap(({ kind, index }) => index.of(uid).map(object => ({ kind, object })))

  const ownerOf = (
    owner: OwnerReference,
    namespace: string,
  ): { readonly kind: string; readonly object?: KubeObject } | undefined => {
    const kind = kindOf(owner.apiVersion, owner.kind)
    if (kind === undefined) return undefined
    const key = { namespace: kind.isNamespaced ? namespace : '', name: owner.name }
    const object = objects.get(kind.kind, key)
    return { kind: kind.kind, ...(object?.metadata.uid === owner.uid ? { object } : {}) }
  }

  const stateOf = (owner: OwnerReference, namespace: string): OwnerState => {
    const found = ownerOf(owner, namespace)
    if (found === undefined) return 'unknown'
    if (found.object === undefined) return 'gone'
    const isForeground = found.object.metadata.finalizers?.includes(foregroundFinalizer) ?? false
    return isTerminating(found.object) && isForeground ? 'leavingForeground' : 'there'
  }

  const run = async (id: string): Promise<undefined> => {
    const [kind, key] = parted(id)
    const object = objects.get(kind, keyParts(key))
    if (object === undefined) return undefined
    const dependents = dependentsOf(uidOf(object))
    const blocking = dependents.filter(one => blocks(one.object, uidOf(object)))
    const decision = decideGarbage({
      object,
      stateOf: owner => stateOf(owner, object.metadata.namespace ?? ''),
      hasDependents: dependents.length > 0,
      hasBlockingDependents: blocking.length > 0,
    })
    switch (decision.action) {
      case 'keep':
        return undefined
      case 'delete':
        await unlessGone(
          objects.delete(kind, keyParts(key), {
            propagationPolicy: decision.propagation,
            preconditions: { uid: uidOf(object) },
          }),
        )
        return undefined
      case 'dropOwners':
        await dropOwners(kind, object, decision.uids)
        return undefined
      case 'orphanDependents':
        for (const one of dependents) await dropOwners(one.kind, one.object, [uidOf(object)])
        return run(id)
      case 'deleteDependents':
        for (const one of blocking) if (!isTerminating(one.object)) await run(idOf(one.kind, one.object))
        return undefined
      case 'dropFinalizer':
        await objects.modify(
          kind,
          keyParts(key),
          now => ({
            ...now,
            metadata: {
              ...now.metadata,
              finalizers: (now.metadata.finalizers ?? []).filter(one => one !== decision.finalizer),
            },
          }),
          by,
        )
        return undefined
    }
  }

  const dropOwners = async (kind: string, object: KubeObject, uids: readonly string[]): Promise<void> => {
    await objects.modify(
      kind,
      keyParts(keyOf(object)),
      now => ({ ...now, metadata: uids.reduce((metadata, uid) => withoutOwner(metadata, uid), now.metadata) }),
      by,
    )
  }

  return runController({
    name: 'garbage',
    parts,
    run,
    listen: queue => {
      const indexes = kinds.map(kind => ({
        kind: kind.kind,
        index: objectIndex<KubeObject>(objects, kind.kind, object =>
          (object.metadata.ownerReferences ?? []).map(owner => owner.uid),
        ),
      }))
      byOwner = indexes
      const subscriptions = kinds.map(kind =>
        objects.onChange(kind.kind, (_key, now, before) => {
          const object = now ?? before
          if (object === undefined) return
          const isLeaving = now === undefined || isTerminating(now)
          if (isLeaving) {
            for (const one of dependentsOf(uidOf(object))) queue.add(idOf(one.kind, one.object))
            for (const owner of object.metadata.ownerReferences ?? []) {
              const found = ownerOf(owner, object.metadata.namespace ?? '')
              if (found?.object !== undefined && isTerminating(found.object)) queue.add(idOf(found.kind, found.object))
            }
          }
          if (now !== undefined && needsCare(now, before)) queue.add(idOf(kind.kind, now))
        }),
      )
      for (const kind of kinds) {
        for (const object of objects.list(kind.kind))
          if (needsCare(object, undefined)) queue.add(idOf(kind.kind, object))
      }
      return [...indexes.map(one => one.index.stop), ...subscriptions]
    },
  })
}

const needsCare = (object: KubeObject, before: KubeObject | undefined): boolean => {
  const finalizers = object.metadata.finalizers ?? []
  if (isTerminating(object)) return finalizers.includes(foregroundFinalizer) || finalizers.includes(orphanFinalizer)
  const owners = object.metadata.ownerReferences
  return owners !== undefined && owners.length > 0 && owners !== before?.metadata.ownerReferences
}

const blocks = (object: KubeObject, ownerUid: string): boolean =>
  (object.metadata.ownerReferences ?? []).some(owner => owner.uid === ownerUid && owner.blockOwnerDeletion === true)

const idOf = (kind: string, object: KubeObject): string => `${kind} ${keyOf(object)}`

const parted = (id: string): readonly [string, string] => {
  const space = id.indexOf(' ')
  return [id.slice(0, space), id.slice(space + 1)]
}
