import { Fault } from '../../api/fault.ts'
import type { RunningProcess } from '../../core/pods/running-process.ts'
import { type Settled, settled } from '../../lib/settled.ts'
import type { SessionScope } from './stream-service.ts'

interface Errors {
  readonly process: Promise<Pick<RunningProcess, 'stderr'>>
  readonly passed: Settled<void>
  isTaken: boolean
}

/** Bounded by the streams of a session: each offers once, and takes its offer back when it is over. */
export const sessionScope = (): SessionScope => {
  const offers = new Map<number, Errors>()
  return {
    errors: {
      offer(stream, process) {
        const passed = settled<void>()
        offers.set(stream, { process, passed, isTaken: false })
        return { passed: passed.promise, close: () => void offers.delete(stream) }
      },
      async take(stream) {
        const found = offers.get(stream)
        if (found === undefined || found.isTaken)
          throw new Fault('NotFound', `stream ${stream} has no standard error to give`, { stream })
        found.isTaken = true
        return await found.process
      },
      passed: stream => offers.get(stream)?.passed.resolve(),
    },
  }
}
