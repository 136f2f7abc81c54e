import type { Clock } from '../../lib/clock.ts'

/** When the nodes of a site are told of changes: a change after a quiet time at once, many changes together. */
export interface SiteRounds {
  /** A round is wanted after `afterMs` at the latest, but not before the site has rested from its last one. */
  want(site: string, afterMs: number): void
  close(): void
}

/**
 * One timer a site at most, whatever changes.
 *
 * @example const rounds = siteRounds({ clock, restMs: site => nodesOf(site).length, begin: tellAll }); rounds.want('a', 0)
 */
export const siteRounds = (of: {
  readonly clock: Clock
  /** How long a site rests after a round. */
  readonly restMs: (site: string) => number
  readonly begin: (site: string) => void
}): SiteRounds => {
  const { clock } = of
  /** Until when (monotonic) a site rests. One entry a site. */
  const rests = new Map<string, number>()
  const timers = new Map<string, { readonly at: number; readonly cancel: () => void }>()

  const begin = (site: string): void => {
    timers.get(site)?.cancel()
    timers.delete(site)
    const rest = of.restMs(site)
    if (rest > 0) rests.set(site, clock.monotonic() + rest)
    else rests.delete(site)
    of.begin(site)
  }

  return {
    want(site, afterMs) {
      const now = clock.monotonic()
      const at = Math.max(now + afterMs, rests.get(site) ?? now)
      if (at <= now) return begin(site)
      const planned = timers.get(site)
      if (planned !== undefined && planned.at <= at) return
      planned?.cancel()
      timers.set(site, { at, cancel: clock.after(at - now, () => begin(site)) })
    },
    close() {
      for (const { cancel } of timers.values()) cancel()
      timers.clear()
    },
  }
}
