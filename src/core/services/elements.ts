import type { ForwardingPlan, Frontend, Target } from './compile.ts'
import { mostTargets, placeOf } from './compile.ts'
import type { MapName } from './ruleset.ts'

/** What our table holds besides its static part. Keys and values are written as nft writes them; sets have empty values. */
export interface Installed {
  readonly maps: { readonly [name in MapName]: ReadonlyMap<string, string> }
  /** Chains of Services with session affinity: name -> rules. */
  readonly chains: ReadonlyMap<string, readonly string[]>
  /** Their sets of clients, one an endpoint: name -> seconds that a client is remembered. */
  readonly clientSets: ReadonlyMap<string, number>
}

/** One value for each of our maps and sets. */
export const eachMap = <Value>(make: (name: MapName) => Value): { readonly [name in MapName]: Value } => ({
  svc: make('svc'),
  np: make('np'),
  npin: make('npin'),
  eps: make('eps'),
  npeps: make('npeps'),
  npineps: make('npineps'),
  npnoeps: make('npnoeps'),
  localpods: make('localpods'),
  hairpin: make('hairpin'),
})

export const nothingInstalled: Installed = {
  maps: eachMap(() => new Map()),
  chains: new Map(),
  clientSets: new Map(),
}

/**
 * The plan as elements of our maps and sets.
 *
 * @example elementsOf(plan).maps.svc // Map { '10.96.0.1 . tcp . 80' => 'goto svc-2' }
 */
export const elementsOf = (plan: ForwardingPlan): Installed => {
  const maps = eachMap(() => new Map<string, string>())
  const chains = new Map<string, readonly string[]>()
  const clientSets = new Map<string, number>()

  const place = (of: Frontend, targets: readonly Target[], as: Placing): void => {
    const key = [...(of.address === undefined ? [] : [of.address]), of.protocol, of.port].join(' . ')
    // Also where a chain of its own chooses: the kernel's table then tells whole which endpoints a place has.
    for (const [slot, target] of targets.slice(0, mostTargets).entries())
      maps[as.slots].set(`${key} . ${slot}`, `${target.address} . ${target.port}`)
    if (of.affinitySeconds !== undefined) {
      const sticky = stickyChain(of, targets, as, of.affinitySeconds)
      chains.set(sticky.name, sticky.rules)
      for (const set of sticky.sets) clientSets.set(set, of.affinitySeconds)
      maps[as.map].set(key, `goto ${sticky.name}`)
      return
    }
    maps[as.map].set(key, `goto ${as.chain}-${Math.min(targets.length, mostTargets)}`)
  }

  for (const one of plan.frontends) {
    if (one.targets.length > 0) place(one, one.targets, placings[`${where(one)} ${one.mayHideClient}`])
    else if (one.address === undefined) maps.npnoeps.set(`${one.protocol} . ${one.port}`, '')
    if (one.insideTargets !== undefined && one.insideTargets.length > 0)
      place(one, one.insideTargets, { map: 'npin', slots: 'npineps', chain: 'npi', hides: true })
  }
  for (const ip of plan.localPods) {
    maps.localpods.set(ip, '')
    maps.hairpin.set(`${ip} . ${ip}`, '')
  }
  return { maps, chains, clientSets }
}

interface Placing {
  readonly map: 'svc' | 'np' | 'npin'
  readonly slots: 'eps' | 'npeps' | 'npineps'
  readonly chain: string
  readonly hides: boolean
}

const where = (of: Frontend): 'address' | 'node' => (of.address === undefined ? 'node' : 'address')

const placings: Record<`${'address' | 'node'} ${boolean}`, Placing> = {
  'address true': { map: 'svc', slots: 'eps', chain: 'svc', hides: true },
  'address false': { map: 'svc', slots: 'eps', chain: 'own', hides: false },
  'node true': { map: 'np', slots: 'npeps', chain: 'np', hides: true },
  'node false': { map: 'np', slots: 'npeps', chain: 'npl', hides: false },
}

/** A client that an endpoint remembers goes there again; any other is given one by lot, and remembered. */
const stickyChain = (of: Frontend, targets: readonly Target[], as: Placing, seconds: number) => {
  const name = `to-${as.map}-${placeOf(of).replaceAll(' ', '-')}`
  const sets = targets.map(target => `${name}-${target.address}-${target.port}`)
  const go = (index: number) =>
    `update @${sets[index]} { ip saddr timeout ${seconds}s } dnat ip to ${targets[index]?.address}:${targets[index]?.port}`
  return {
    name,
    sets,
    rules: [
      ...(as.hides ? ['ip saddr != @localpods meta mark set meta mark or 0x40000000'] : []),
      ...targets.map((_, index) => `meta l4proto ${of.protocol} ip saddr @${sets[index]} ${go(index)}`),
      ...targets.map((_, index) => {
        const left = targets.length - index
        return `meta l4proto ${of.protocol} ${left > 1 ? `numgen random mod ${left} 0 ` : ''}${go(index)}`
      }),
    ],
  }
}
