import type { KubeObject } from '../../api/types.ts'
import { keyOf } from '../../core/workloads/pod-facts.ts'
import type { Objects } from '../objects.ts'

/** Objects of one kind by something that they carry: their node, their owner, a label. */
export interface ObjectIndex<T> {
  /** The objects under this key, in no order. Empty when there are none. */
  of(key: string): readonly T[]
  keys(): Iterable<string>
}

/**
 * Follows the objects of a kind and files each under the keys that `keysOf` names. As large as the cache itself;
 * one change costs as much as the object has keys.
 *
 * @example const podsByNode = objectIndex<Pod>(objects, 'Pod', pod => [pod.spec?.nodeName ?? ''])
 */
export const objectIndex = <T extends KubeObject>(
  objects: Objects,
  kind: string,
  keysOf: (object: T) => readonly string[],
): ObjectIndex<T> & { readonly stop: () => void } => {
  const filed = new Map<string, Map<string, T>>()
  const keysBefore = new Map<string, readonly string[]>()
  const file = (id: string, now: T | undefined): void => {
    for (const key of keysBefore.get(id) ?? []) {
      const group = filed.get(key)
      group?.delete(id)
      if (group?.size === 0) filed.delete(key)
    }
    keysBefore.delete(id)
    if (now === undefined) return
    const keys = keysOf(now)
    keysBefore.set(id, keys)
    for (const key of keys) {
      const group = filed.get(key) ?? new Map<string, T>()
      group.set(id, now)
      filed.set(key, group)
    }
  }
  const stop = objects.onChange<T>(kind, ({ namespace, name }, now) =>
    file(keyOf({ metadata: { namespace, name } }), now),
  )
  for (const object of objects.list<T>(kind)) file(keyOf(object), object)
  return { of: key => [...(filed.get(key)?.values() ?? [])], keys: () => filed.keys(), stop }
}
