import { describeError } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { UsageSource } from '../ports.ts'
import type { CommandWish } from './command-sender.ts'

/** While somebody looks, nodes measure this often, for this long after the last look. */
const periodSeconds = 15
const forSeconds = 180
/** A node is asked again at most this often: each command is a small write on its card. */
const againMs = 120_000
/** Nodes that one look asks at most; the others go on measuring every minute. */
const mostAsked = 200

/**
 * Usage that notices when it is looked at: the nodes that are looked at measure more often for a while, so that the
 * next look finds fresh numbers. Nobody waits for it.
 */
export const watchedUsage = (of: {
  readonly usage: UsageSource
  readonly isConnected: (node: string) => boolean
  readonly command: (node: string, wish: CommandWish) => Promise<unknown>
  readonly clock: Clock
  readonly log: Log
}): UsageSource => {
  const askedAt = new Map<string, number>()

  const ask = (node: string): boolean => {
    const now = of.clock.monotonic()
    if (!of.isConnected(node) || now - (askedAt.get(node) ?? Number.NEGATIVE_INFINITY) < againMs) return false
    askedAt.set(node, now)
    of.command(node, { action: 'telemetry', periodSeconds, forSeconds }).catch(error =>
      of.log.debug('a node was not asked to measure more often', { node, why: describeError(error) }),
    )
    return true
  }

  return {
    node(name) {
      const usage = of.usage.node(name)
      if (usage !== undefined) ask(name)
      return usage
    },
    nodes() {
      const all = of.usage.nodes()
      let asked = 0
      for (const { name } of all) if (asked < mostAsked && ask(name)) asked += 1
      // Those that are gone are forgotten with the rest when there are many.
      if (askedAt.size > 2 * all.length + mostAsked) askedAt.clear()
      return all
    },
  }
}
