import { Fault, isFault } from '../../api/fault.ts'
import type { Log } from '../../lib/log.ts'
import type { Objects } from '../objects.ts'
import type { Store } from '../store/store.ts'
import { nodeUser } from './caller.ts'
import type { JoinTokens } from './join-tokens.ts'
import { keyRevocation, type NodeRecord, type NodeRegister } from './node-register.ts'
import { commitRecords, type RecordChange } from './records.ts'

export interface Remover {
  readonly store: Store
  readonly objects: Objects
  readonly register: NodeRegister
  readonly tokens: JoinTokens
  readonly now: () => number
  readonly log: Log
  /** Called with the user of certificates that no longer count. */
  readonly shutOut: (user: string) => void
}

/**
 * Removes a node for good: its certificates and key are revoked, its connections end, its join tokens are void, its
 * Node object and Lease are deleted; its pods and pod addresses go with the object. Trust ends first, so that a
 * removal that is cut short leaves no way in; it can be repeated.
 *
 * @throws Fault NotFound when there is neither such a device nor such a Node object
 */
export const removeNode = async (name: string, hub: Remover): Promise<void> => {
  const wasThere = hub.register.nodes.get(name) !== undefined
  await commitRecords(hub.store, () => {
    const record = hub.register.nodes.get(name)
    const changes =
      record === undefined
        ? []
        : [
            ...shutOutChanges(record, 'the node was removed', hub.register, hub.now()),
            hub.register.nodes.remove(name),
            ...hub.tokens.voidFor(name).slice(0, 500),
          ]
    return { changes, result: undefined }
  })
  hub.shutOut(nodeUser(name))
  await deleteIfThere(hub.objects, 'Lease', { namespace: 'kube-node-lease', name })
  const isDeleted = await deleteIfThere(hub.objects, 'Node', { namespace: '', name })
  if (!wasThere && !isDeleted) throw new Fault('NotFound', `nodes "${name}" not found`, { name, kind: 'nodes' })
  hub.log.info('a node was removed', { node: name })
}

/** Revokes every certificate of the record and its key. */
export const shutOutChanges = (
  record: NodeRecord,
  why: string,
  register: NodeRegister,
  now: number,
): readonly RecordChange[] =>
  [...record.certificates.map(one => one.fingerprint), keyRevocation(record.keyHash)].map(id =>
    register.revoked.put(id, { format: 1, id, subject: `node ${record.name}`, at: new Date(now).toISOString(), why }),
  )

const deleteIfThere = async (
  objects: Objects,
  kind: string,
  key: { namespace: string; name: string },
): Promise<boolean> => {
  try {
    return (await objects.delete(kind, key)) !== undefined
  } catch (error) {
    if (isFault(error, 'NotFound')) return false
    throw error
  }
}
