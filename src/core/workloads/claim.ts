import type { Selector } from '../../api/selector.ts'
import { matches } from '../../api/selector.ts'
import type { KubeObject } from '../../api/types.ts'
import { controllerOf, isTerminating, uidOf } from './pod-facts.ts'

export interface Claims<T> {
  /** Owned and selected, or orphaned and now adopted. */
  readonly mine: readonly T[]
  /** Orphans that the selector selects: to be given an owner. */
  readonly adopt: readonly T[]
  /** Owned, but not selected any more: to be let go. */
  readonly release: readonly T[]
}

/**
 * Which of the objects belong to `owner` (k8s: PodControllerRefManager.ClaimPods). An owner that is being deleted
 * adopts and releases nothing; what is being deleted is not adopted; what another controller owns is left alone.
 *
 * @example claim(replicaSet, selector, podsOfNamespace).adopt // orphans that fit
 */
export const claim = <T extends KubeObject>(
  owner: KubeObject,
  selector: Selector,
  objects: readonly T[],
): Claims<T> => {
  const mine: T[] = []
  const adopt: T[] = []
  const release: T[] = []
  for (const object of objects) {
    const controller = controllerOf(object)
    const isSelected = matches(selector, object.metadata.labels)
    if (controller !== undefined) {
      if (controller.uid !== uidOf(owner)) continue
      if (isSelected || isTerminating(owner)) mine.push(object)
      else release.push(object)
    } else if (isSelected && !isTerminating(owner) && !isTerminating(object)) {
      adopt.push(object)
      mine.push(object)
    }
  }
  return { mine, adopt, release }
}
