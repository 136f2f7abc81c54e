import { describeError } from '../api/fault.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { EventReport } from '../wire/payloads.ts'
import type { HubLink } from './hub-link.ts'

export type AgentEvent = EventReport['events'][number]

export interface Involved {
  readonly kind: 'Pod' | 'Node'
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly fieldPath?: string
}

/** Things worth telling, as Kubernetes events. */
export interface Events {
  tell(type: 'Normal' | 'Warning', reason: string, message: string, involved: Involved): void
  flush(): Promise<void>
  close(): void
}

const flushMs = 2000
const mostKept = 256

/**
 * Events on their way to the hub: equal ones are counted, a batch goes every two seconds while there is something to say.
 * Without a hub the newest 256 are kept; the oldest are dropped.
 */
export const agentEvents = (of: {
  readonly link: Pick<HubLink, 'events' | 'isConnected' | 'onConnection'>
  readonly clock: Clock
  readonly log: Log
}): Events => {
  const { link, clock, log } = of
  const kept = new Map<string, AgentEvent>()
  let timer: (() => void) | undefined

  const flush = async (): Promise<void> => {
    timer?.()
    timer = undefined
    if (kept.size === 0 || !link.isConnected) return
    const batch = [...kept.entries()].slice(0, 64)
    for (const [key] of batch) kept.delete(key)
    try {
      await link.events(batch.map(([, event]) => event))
    } catch (error) {
      log.debug('events were not sent and are kept', { why: describeError(error) })
      for (const [key, event] of batch) if (!kept.has(key)) kept.set(key, event)
    }
    if (kept.size > 0) later()
  }
  const later = (): void => {
    if (!link.isConnected) return
    timer ??= clock.after(flushMs, () => {
      flush().catch((error: unknown) => log.warn('events could not be sent', { why: describeError(error) }))
    })
  }
  const stopListening = link.onConnection(isConnected => {
    if (isConnected) later()
  })

  return {
    tell(type, reason, message, involved) {
      const key = `${involved.uid} ${involved.fieldPath ?? ''} ${reason} ${message}`
      const before = kept.get(key)
      kept.delete(key)
      const time = new Date(clock.now()).toISOString()
      kept.set(key, { type, reason, message: message.slice(0, 1024), time, count: (before?.count ?? 0) + 1, involved })
      const oldest = kept.keys().next()
      if (kept.size > mostKept && !oldest.done) kept.delete(oldest.value)
      later()
    },
    flush,
    close() {
      timer?.()
      stopListening()
    },
  }
}
