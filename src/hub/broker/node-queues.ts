import { describeError, Fault } from '../../api/fault.ts'
import type { Log } from '../../lib/log.ts'

/** Messages that wait for one node; a further one is refused, and the fleet sends it again later. */
const mostWaiting = 64

/**
 * Messages to nodes: those to one go strictly one after another, those to others do not wait for them.
 *
 * @example const send = nodeQueues({ write, log }); await send('attic', topic, bytes)
 */
export const nodeQueues = (of: {
  /** Resolves when the node's connection has taken the message; at once where there is none. */
  readonly write: (node: string, topic: string, bytes: Uint8Array) => Promise<void>
  readonly log: Log
}) => {
  const waiting = new Map<string, { count: number; last: Promise<void> }>()
  /** @throws Fault Unavailable at the bound */
  return async (node: string, topic: string, bytes: Uint8Array): Promise<void> => {
    const queue = waiting.get(node) ?? { count: 0, last: Promise.resolve() }
    if (queue.count >= mostWaiting)
      throw new Fault('Unavailable', `${mostWaiting} messages wait for node "${node}" already`, { node })
    queue.count += 1
    waiting.set(node, queue)
    const mine = queue.last.then(() => of.write(node, topic, bytes))
    queue.last = mine
      .catch(error => of.log.debug('a message did not reach its node', { node, topic, why: describeError(error) }))
      .then(() => {
        queue.count -= 1
        if (queue.count === 0) waiting.delete(node)
      })
    await mine
  }
}
