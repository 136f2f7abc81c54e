import type { Frontend, Target } from '../../core/services/compile.ts'
import type { Clock } from '../../lib/clock.ts'

/** Clients remembered for session affinity. At the bound the one remembered first is forgotten. */
const mostClients = 10_000

export interface TargetChoice {
  /** Where a client goes, in the order to try; empty where nobody is for it. */
  targetsFor(frontend: Frontend, client: string): readonly Target[]
}

/**
 * Who answers a client: by lot, or who answered it before where the Service has session affinity.
 * Clients of this node itself have more to choose from under the policy Local.
 */
export const targetChoice = (of: {
  readonly clock: Clock
  readonly random: () => number
  readonly isInside: (client: string) => boolean
}): TargetChoice => {
  const clients = new Map<string, { readonly target: string; readonly until: number }>()

  return {
    targetsFor(frontend, client) {
      const targets = of.isInside(client) ? (frontend.insideTargets ?? frontend.targets) : frontend.targets
      const start = Math.floor(of.random() * targets.length)
      const turned = [...targets.slice(start), ...targets.slice(0, start)]
      if (frontend.affinitySeconds === undefined) return turned
      const key = `${client} ${frontend.name}`
      const now = of.clock.monotonic()
      const before = clients.get(key)
      const known = before !== undefined && before.until > now ? before.target : undefined
      const kept = turned.find(target => nameOf(target) === known) ?? turned[0]
      if (kept === undefined) return []
      clients.delete(key)
      clients.set(key, { target: nameOf(kept), until: now + frontend.affinitySeconds * 1000 })
      for (const oldest of clients.keys()) {
        if (clients.size <= mostClients) break
        clients.delete(oldest)
      }
      return [kept, ...turned.filter(target => target !== kept)]
    },
  }
}

export const nameOf = (target: Target): string => `${target.address}:${target.port}`
