import { Fault } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'

/** k8s: a session without a byte either way ends after four hours (kubelet's streamingConnectionIdleTimeout). */
export const mostIdleMs = 4 * 3_600_000

/** Calls `act` with the reason when `moved` was not called for `mostIdleMs`; once. */
export const idleWatch = (clock: Clock, act: (fault: Fault) => void): { moved(): void; stop(): void } => {
  let movedAt = clock.monotonic()
  let stop = (): void => {}
  const look = (inMs: number): void => {
    stop = clock.after(inMs, () => {
      const idleMs = clock.monotonic() - movedAt
      if (idleMs < mostIdleMs) look(mostIdleMs - idleMs)
      else act(new Fault('Timeout', `nothing came or went for ${mostIdleMs / 3_600_000} hours`))
    })
  }
  look(mostIdleMs)
  return {
    moved() {
      movedAt = clock.monotonic()
    },
    stop: () => stop(),
  }
}
