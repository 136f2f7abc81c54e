import { isFault } from '../../api/fault.ts'
import type { Node } from '../../api/types.ts'
import type { Objects } from '../objects.ts'

/** The Node object of a device, as it is before the first report. */
export const nodeObject = (name: string, labels: { readonly [key: string]: string }): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels },
  spec: {},
})

/** Makes the Node object; undefined where there is one already. */
export const makeNode = async (objects: Objects, wanted: Node): Promise<Node | undefined> => {
  try {
    return await objects.create<Node>('Node', wanted, { fieldManager: 'dunlin-identity' })
  } catch (error) {
    if (isFault(error, 'AlreadyExists')) return undefined
    throw error
  }
}
