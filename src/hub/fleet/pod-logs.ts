import { Fault } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import type { PodLogs } from '../ports.ts'
import type { NodeSessions } from './node-sessions.ts'

/** A node that finds an error at once says so within this; then it still becomes the answer's status. */
const errorGraceMs = 250

/**
 * A pod's log from its node, over a session.
 *
 * @example const logs = podLogs({ sessions, clock }); await logs.open(pod, 'web', { follow: false, … }, signal)
 */
export const podLogs = (of: { readonly sessions: NodeSessions; readonly clock: Clock }): PodLogs => ({
  async open(pod, container, options, signal) {
    const node = pod.spec?.nodeName
    const { namespace = 'default', name = '', uid = '' } = pod.metadata
    if (node === undefined || node === '')
      throw new Fault('BadRequest', `pod "${name}" has no node yet, so it has no log`, { namespace, name })
    signal.throwIfAborted()
    const stream = await of.sessions.open(node, 'logs', { ...options, podUid: uid, namespace, name, container })
    const abort = (): void => stream.reset('nobody reads the log any more')
    signal.addEventListener('abort', abort, { once: true })
    stream.signal.addEventListener('abort', () => signal.removeEventListener('abort', abort), { once: true })
    if (signal.aborted) abort()
    stream.end()
    await stream.accepted
    const first = stream.incoming[Symbol.asyncIterator]()
    const next = first.next()
    await Promise.race([next, after(of.clock, errorGraceMs)])
    return rest(next, first)
  },
})

/** What was read ahead, then the rest. A reader that leaves gives the stream up. */
async function* rest(next: Promise<IteratorResult<Uint8Array>>, source: AsyncIterator<Uint8Array>) {
  try {
    for (let step = await next; !step.done; step = await source.next()) yield step.value
  } finally {
    await source.return?.()
  }
}

const after = (clock: Clock, ms: number): Promise<void> => new Promise(resolve => void clock.after(ms, resolve))
