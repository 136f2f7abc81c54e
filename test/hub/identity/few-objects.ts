import { Fault } from '../../../src/api/fault.ts'
import type { KubeObject, ObjectKey } from '../../../src/api/types.ts'
import type { Objects } from '../../../src/hub/objects.ts'

/** Objects in memory, as little as identity asks of them: create, get, modify, delete. */
export const fewObjects = (): Objects => {
  const held = new Map<string, KubeObject>()
  const idOf = (kind: string, key: ObjectKey) => `${kind}/${key.namespace}/${key.name}`
  // The caller names the type by the kind that it asks for; a map of all kinds cannot know it.
  const as = <T extends KubeObject>(object: KubeObject | undefined) => object as T | undefined
  let count = 0
  const unasked = () => {
    throw new Error('identity does not ask for this')
  }
  return {
    synced: async () => {},
    revision: 0,
    get: <T extends KubeObject>(kind: string, key: ObjectKey) => as<T>(held.get(idOf(kind, key))),
    list: unasked,
    snapshot: unasked,
    onChange: unasked,
    async create(kind, object) {
      const key = idOf(kind, { namespace: object.metadata.namespace ?? '', name: object.metadata.name ?? '' })
      if (held.has(key)) throw new Fault('AlreadyExists', `${key} already exists`)
      count += 1
      const made = { ...object, metadata: { ...object.metadata, uid: `uid-${count}` } }
      held.set(key, made)
      return made
    },
    update: unasked,
    async modify<T extends KubeObject>(kind: string, key: ObjectKey, change: (now: T) => T | undefined) {
      const now = as<T>(held.get(idOf(kind, key)))
      const then = now === undefined ? undefined : change(now)
      if (then !== undefined) held.set(idOf(kind, key), then)
      return then ?? now
    },
    async delete(kind, key) {
      const there = held.get(idOf(kind, key))
      if (there === undefined) throw new Fault('NotFound', `${idOf(kind, key)} not found`)
      held.delete(idOf(kind, key))
      return there
    },
    removeFinally: unasked,
    touch: unasked,
  }
}
