import { Fault } from '../../api/fault.ts'
import type { ObjectCodec } from './object-codec.ts'
import { kindName, storeKey } from './object-names.ts'
import type { Commit } from './object-writer.ts'
import type { Store } from './store.ts'

/** An object may be as large as the body of a request, also when it got there by patches. */
const mostValueBytes = 3 * 1024 * 1024

/** Writes changes of objects into the store, each as one transaction that compares what it was decided on. */
export const storeCommits =
  (of: {
    readonly store: Store
    readonly codec: ObjectCodec
    readonly reached: (revision: number) => Promise<void>
  }): Commit =>
  async ({ kind, key, before, next, guards }) => {
    const at = storeKey(kind, key)
    const value = next === undefined ? undefined : of.codec.encode(kind, at, next)
    if (value !== undefined && value.length > mostValueBytes) {
      const what = `${kindName(kind)} "${key.name}" is too large to be stored: ${value.length} bytes, the limit is ${mostValueBytes}`
      throw new Fault('RequestEntityTooLarge', what, { name: key.name, kind: kind.plural })
    }
    const result = await of.store.transact({
      compare: [
        { key: at, modRevision: Number(before?.metadata.resourceVersion ?? 0) },
        ...guards.map(one => ({
          key: storeKey(one.kind, one.key),
          modRevision: Number(one.object.metadata.resourceVersion ?? 0),
        })),
      ],
      operations: [value === undefined ? { operation: 'delete', key: at } : { operation: 'put', key: at, value }],
    })
    // Also after a lost race: whoever tries again must see what it lost against.
    await of.reached(result.revision)
    if (!result.committed) return undefined
    const last = next ?? before
    return last && { ...last, metadata: { ...last.metadata, resourceVersion: String(result.revision) } }
  }
