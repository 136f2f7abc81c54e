import type { Log } from '../../lib/log.ts'
import type { Objects } from '../objects.ts'
import type { Store } from '../store/store.ts'
import { makeNode, nodeObject } from './node-object.ts'
import type { NodeRecord, NodeRegister } from './node-register.ts'
import { commitRecords } from './records.ts'

/**
 * Sees to it that a device that shows a valid certificate has its record and its Node object: either may be missing
 * after a restore from an older backup, the object also after `kubectl delete node`.
 */
export interface NodeKeeper {
  /** Makes what is missing, on the side. */
  keep(record: NodeRecord): void
  /** The record that is being written now. */
  underWay(name: string): NodeRecord | undefined
  idle(): Promise<void>
}

/** One deed a node at a time; bounded by the number of nodes that show a certificate of ours. */
export const nodeKeeper = (
  of: { readonly store: Store; readonly objects: Objects; readonly log: Log },
  register: NodeRegister,
): NodeKeeper => {
  const running = new Map<string, { readonly record: NodeRecord; readonly done: Promise<void> }>()

  const make = async (record: NodeRecord): Promise<void> => {
    const { name } = record
    try {
      if (register.nodes.get(name) === undefined) {
        await commitRecords(of.store, () => ({
          changes: register.nodes.get(name) === undefined ? [register.nodes.put(name, record)] : [],
          result: undefined,
        }))
        of.log.warn('a node that this hub did not know was taken back by its certificate', { node: name })
      }
      await of.objects.synced()
      const isMissing = of.objects.get('Node', { namespace: '', name }) === undefined
      const made = isMissing ? await makeNode(of.objects, nodeObject(name, record.labels)) : undefined
      if (made !== undefined) of.log.info('the Node object of a device was made anew', { node: name })
    } catch (error) {
      // The next connection of the node tries again.
      of.log.error('a node could not be taken back', { node: name, error })
    } finally {
      running.delete(name)
    }
  }

  return {
    keep(record) {
      const { name } = record
      const isWhole =
        register.nodes.get(name) !== undefined && of.objects.get('Node', { namespace: '', name }) !== undefined
      if (!isWhole && !running.has(name)) running.set(name, { record, done: make(record) })
    },
    underWay: name => running.get(name)?.record,
    async idle() {
      await Promise.all([...running.values()].map(one => one.done))
    },
  }
}
