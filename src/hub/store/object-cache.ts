import type { Kind } from '../../api/kind.ts'
import type { KubeObject, ObjectKey } from '../../api/types.ts'
import { keyOf } from './object-names.ts'

/** All objects in memory, by kind, namespace and name. */
export interface ObjectCache {
  get(kind: string, key: ObjectKey): KubeObject | undefined
  /** In the order of their keys. A list never changes: whoever holds one keeps that moment. */
  list(kind: string, namespace?: string): readonly KubeObject[]
  /** How many there are of a kind. */
  count(kind: string): number
  /** Returns what was there. */
  set(kind: string, key: ObjectKey, object: KubeObject | undefined): KubeObject | undefined
}

interface Shelf {
  readonly byNamespace: Map<string, Map<string, KubeObject>>
  /** Lists that were asked for, by namespace; `undefined`: all. As many as there are namespaces, and one. */
  readonly sorted: Map<string | undefined, Sorted>
}

/** A list, and the keys that have changed since it was made. */
interface Sorted {
  list: readonly KubeObject[]
  readonly changed: Map<string, ObjectKey>
}

/** With more changes than this, sorting anew costs less than putting each in its place. */
const mostInPlace = 64

export const objectCache = (kinds: readonly Kind[]): ObjectCache => {
  const shelves = new Map<string, Shelf>(kinds.map(kind => [kind.kind, { byNamespace: new Map(), sorted: new Map() }]))
  return {
    get: (kind, { namespace, name }) => shelves.get(kind)?.byNamespace.get(namespace)?.get(name),
    list(kind, namespace) {
      const shelf = shelves.get(kind)
      if (shelf === undefined) return []
      const known = shelf.sorted.get(namespace)
      if (known !== undefined && known.changed.size <= mostInPlace) {
        if (known.changed.size > 0) known.list = withChanges(known, shelf)
        known.changed.clear()
        return known.list
      }
      const list = sortedList(shelf, namespace)
      shelf.sorted.set(namespace, { list, changed: new Map() })
      return list
    },
    count(kind) {
      let sum = 0
      for (const objects of shelves.get(kind)?.byNamespace.values() ?? []) sum += objects.size
      return sum
    },
    set(kind, key, object) {
      const shelf = shelves.get(kind)
      if (shelf === undefined) return undefined
      const { namespace, name } = key
      for (const scope of [namespace, undefined]) shelf.sorted.get(scope)?.changed.set(`${namespace}/${name}`, key)
      const objects = shelf.byNamespace.get(namespace) ?? new Map<string, KubeObject>()
      const before = objects.get(name)
      if (object === undefined) objects.delete(name)
      else objects.set(name, object)
      if (objects.size > 0) shelf.byNamespace.set(namespace, objects)
      else {
        shelf.byNamespace.delete(namespace)
        shelf.sorted.delete(namespace)
      }
      return before
    },
  }
}

const sortedList = (shelf: Shelf, namespace: string | undefined): readonly KubeObject[] => {
  const chosen =
    namespace === undefined ? [...shelf.byNamespace.values()] : [shelf.byNamespace.get(namespace) ?? new Map()]
  return chosen.flatMap(objects => [...objects.values()]).toSorted((a, b) => compare(keyOf(a), keyOf(b)))
}

const withChanges = ({ list, changed }: Sorted, shelf: Shelf): readonly KubeObject[] => {
  const next = list.slice()
  for (const key of changed.values()) {
    const at = placeOf(next, key)
    const found = next[at]
    const isThere = found !== undefined && compare(keyOf(found), key) === 0
    const object = shelf.byNamespace.get(key.namespace)?.get(key.name)
    if (object !== undefined) next.splice(at, isThere ? 1 : 0, object)
    else if (isThere) next.splice(at, 1)
  }
  return next
}

/** The index of the first object that does not come before `key`. */
const placeOf = (list: readonly KubeObject[], key: ObjectKey): number => {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >> 1
    const object = list[middle]
    if (object !== undefined && compare(keyOf(object), key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

const compare = (a: ObjectKey, b: ObjectKey): number => {
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}
