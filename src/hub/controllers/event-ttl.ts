import type { Event } from '../../api/types.ts'
import { keyOf } from '../../core/workloads/pod-facts.ts'
import type { Controller, ControllerParts } from './controller.ts'
import { keyParts, runController, unlessGone } from './controller.ts'
import { eventEndsAtMs } from './events.ts'

/** More events than this are not kept: the oldest go first. */
const mostEvents = 10_000

const sweepEveryMs = 60_000
/** Taken away together, so that they share one commit. */
const atOnce = 100

/** Takes Events away when their hour is over, or when there are too many. Without events it sleeps. */
export const eventTtlController = (parts: ControllerParts): Controller =>
  runController({
    name: 'event-ttl',
    parts,
    workers: 1,
    listen: queue => {
      queue.add('sweep')
      return [parts.objects.onChange('Event', (_key, now) => now !== undefined && queue.add('sweep', sweepEveryMs))]
    },
    run: async (_key, signal) => {
      const now = parts.clock.now()
      const events = parts.objects.list<Event>('Event').toSorted((a, b) => eventEndsAtMs(a) - eventEndsAtMs(b))
      const tooMany = Math.max(0, events.length - mostEvents)
      const over = events.filter((event, index) => index < tooMany || eventEndsAtMs(event) <= now)
      for (let first = 0; first < over.length && !signal.aborted; first += atOnce) {
        const few = over.slice(first, first + atOnce)
        await Promise.all(few.map(event => unlessGone(parts.objects.delete('Event', keyParts(keyOf(event))))))
      }
      return over.length === events.length ? undefined : sweepEveryMs
    },
  })
