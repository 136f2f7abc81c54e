import type { KubeObject, OwnerReference } from '../../api/types.ts'
import { isTerminating } from './pod-facts.ts'

export const foregroundFinalizer = 'foregroundDeletion'
export const orphanFinalizer = 'orphan'

/** How an owner that is referred to stands. `unknown`: of a kind that the hub does not have; nothing is concluded. */
export type OwnerState = 'there' | 'gone' | 'leavingForeground' | 'unknown'

export type GarbageDecision =
  | { readonly action: 'keep' }
  /** Foreground where the object has dependents that block its owner; background otherwise. */
  | { readonly action: 'delete'; readonly propagation: 'Background' | 'Foreground' }
  | { readonly action: 'dropOwners'; readonly uids: readonly string[] }
  /** For an object that is being deleted with `orphan`: its dependents lose this owner, then the finalizer goes. */
  | { readonly action: 'orphanDependents' }
  /** For one deleted in the foreground: its dependents go first. */
  | { readonly action: 'deleteDependents' }
  | { readonly action: 'dropFinalizer'; readonly finalizer: string }

/**
 * What becomes of an object because of those that own it, or that it owns (k8s: garbagecollector.attemptToDeleteItem).
 *
 * @param view.stateOf how each owner stands
 * @param view.hasBlockingDependents whether dependents with `blockOwnerDeletion` are left
 * @example decideGarbage({ object, stateOf: () => 'gone', … }) // { action: 'delete', propagation: 'Background' }
 */
export const decideGarbage = (view: {
  readonly object: KubeObject
  readonly stateOf: (owner: OwnerReference) => OwnerState
  readonly hasDependents: boolean
  readonly hasBlockingDependents: boolean
}): GarbageDecision => {
  const { object } = view
  const finalizers = object.metadata.finalizers ?? []
  if (isTerminating(object)) {
    if (finalizers.includes(orphanFinalizer)) {
      return view.hasDependents
        ? { action: 'orphanDependents' }
        : { action: 'dropFinalizer', finalizer: orphanFinalizer }
    }
    if (finalizers.includes(foregroundFinalizer)) {
      return view.hasBlockingDependents
        ? { action: 'deleteDependents' }
        : { action: 'dropFinalizer', finalizer: foregroundFinalizer }
    }
    return { action: 'keep' }
  }
  const owners = (object.metadata.ownerReferences ?? []).map(owner => ({ owner, state: view.stateOf(owner) }))
  if (owners.length === 0 || owners.some(({ state }) => state === 'unknown')) return { action: 'keep' }
  const leaving = owners.filter(({ state }) => state !== 'there')
  if (leaving.length === 0) return { action: 'keep' }
  if (leaving.length < owners.length) return { action: 'dropOwners', uids: leaving.map(({ owner }) => owner.uid) }
  const isForeground = leaving.some(({ state }) => state === 'leavingForeground') && view.hasBlockingDependents
  return { action: 'delete', propagation: isForeground ? 'Foreground' : 'Background' }
}
