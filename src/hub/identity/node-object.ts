import { isFault } from '../../api/fault.ts'
import type { Node } from '../../api/types.ts'
import { withBoard } from '../../core/nodes/board-change.ts'
import type { Objects } from '../objects.ts'

/** The Node object of a device, as it is before the first report. */
export const nodeObject = (name: string, labels: { readonly [key: string]: string }, board?: string): Node =>
  withBoard({ apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, spec: {} }, board)

/** Makes the Node object; undefined where there is one already. */
export const makeNode = async (objects: Objects, wanted: Node): Promise<Node | undefined> => {
  try {
    return await objects.create<Node>('Node', wanted, { fieldManager: 'dunlin-identity' })
  } catch (error) {
    if (isFault(error, 'AlreadyExists')) return undefined
    throw error
  }
}
