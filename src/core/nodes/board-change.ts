import type { Node, NodeCondition } from '../../api/types.ts'

/** On the Node: the serial of the board that joined as this node. The hub sets it; without it the next report does. */
export const boardAnnotation = 'dunlin.io/board-serial'

export const boardChanged = 'BoardChanged'

/** The board that the node is known by; undefined where none was ever told. */
export const recordedBoard = (node: Node): string | undefined => node.metadata.annotations?.[boardAnnotation]

/** Whether the node's card was seen in another board than the one that joined. */
export const isOnOtherBoard = (node: Node | undefined): boolean =>
  node?.status?.conditions?.some(one => one.type === boardChanged && one.status === 'True') === true

/**
 * What there is to say of the board that reports as a node: nothing where it is the one that joined, or where either
 * is not known.
 *
 * @example boardFinding('10000000aaaa', '10000000bbbb') // a condition BoardChanged that is True
 */
export const boardFinding = (
  recorded: string | undefined,
  found: string | undefined,
): Pick<NodeCondition, 'type' | 'status' | 'reason' | 'message'> | undefined =>
  recorded === undefined || found === undefined || recorded === found
    ? undefined
    : {
        type: boardChanged,
        status: 'True',
        reason: 'CardInAnotherBoard',
        message: `the card of this node is in board ${found}; board ${recorded} joined with it`,
      }

/** The Node with the board that joined as it; undefined where that is known. */
export const nodeOnBoard = (node: Node, board: string | undefined): Node | undefined =>
  board === undefined || recordedBoard(node) !== undefined ? undefined : withBoard(node, board)

/** The Node as it is when a board joins as it, told by name or not. */
export const withBoard = (node: Node, board: string | undefined): Node => {
  const { [boardAnnotation]: _, ...others } = node.metadata.annotations ?? {}
  const annotations = board === undefined ? others : { ...others, [boardAnnotation]: board }
  return { ...node, metadata: { ...node.metadata, annotations } }
}
