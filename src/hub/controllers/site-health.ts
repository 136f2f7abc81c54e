import type { Node } from '../../api/types.ts'
import { isMostlyLost, type SiteTally, siteOf, siteTally } from '../../core/nodes/evictions.ts'
import type { Objects } from '../objects.ts'

/** How each site as a whole fares, counted as its nodes change: nobody walks through a site to know it. */
export interface SiteHealth {
  /** Whether more than half of the site is gone. */
  isLost(site: string): boolean
  /** Told each site that is lost or back as a whole, once it is. */
  onTurn(tell: (site: string) => void): () => void
  stop(): void
}

/** Follows the nodes from now on. One entry a site. */
export const siteHealth = (objects: Objects): SiteHealth => {
  const tallies = new Map<string, SiteTally>()
  const listeners = new Set<(site: string) => void>()
  const isLost = (site: string): boolean => isMostlyLost(tallies.get(site) ?? { known: 0, lost: 0 })

  const count = (node: Node, sign: 1 | -1): void => {
    const site = siteOf(node)
    const before = tallies.get(site) ?? { known: 0, lost: 0 }
    const own = siteTally([node])
    const now = { known: before.known + sign * own.known, lost: before.lost + sign * own.lost }
    if (now.known > 0) tallies.set(site, now)
    else tallies.delete(site)
  }

  for (const node of objects.list<Node>('Node')) count(node, 1)
  const stop = objects.onChange<Node>('Node', (_key, now, before) => {
    const sites = [...new Set([before, now].flatMap(node => (node === undefined ? [] : [siteOf(node)])))]
    const wereLost = sites.map(isLost)
    if (before !== undefined) count(before, -1)
    if (now !== undefined) count(now, 1)
    for (const [index, site] of sites.entries())
      if (isLost(site) !== wereLost[index]) for (const tell of listeners) tell(site)
  })
  return {
    isLost,
    onTurn(tell) {
      listeners.add(tell)
      return () => listeners.delete(tell)
    },
    stop,
  }
}
