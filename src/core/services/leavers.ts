import type { Installed } from './elements.ts'
import type { MapName } from './ruleset.ts'

/** A UDP place that lost an endpoint (or got its first): the kernel remembers flows to the old one for as long as they last. */
export interface StaleFlows {
  /** Undefined: a port on every address of the node. */
  readonly address?: string
  readonly port: number
  /** The endpoint that left; undefined: flows that went nowhere because nobody was there. */
  readonly endpoint?: string
}

export interface Leavers {
  readonly staleFlows: readonly StaleFlows[]
  /** Addresses that no place sends to any more, though the places are still there: their connections are to be reset. */
  readonly gone: readonly string[]
}

/**
 * Who leaves when the table goes from `installed` to `wanted`.
 *
 * @param known addresses that are still there, though perhaps not ready: their connections are left alone
 * @example leavers(installed, wanted, new Set()).gone // ['10.64.1.7']
 */
export const leavers = (installed: Installed, wanted: Installed, known: ReadonlySet<string>): Leavers => {
  const staleFlows: StaleFlows[] = []
  const gone = new Set<string>()
  for (const [slots, map] of slotMaps) {
    const before = endpointsByPlace(installed, slots)
    const after = endpointsByPlace(wanted, slots)
    for (const [place, endpoints] of before) {
      const left = [...endpoints].filter(endpoint => !after.get(place)?.has(endpoint))
      const isStillMet = wanted.maps[map].has(place) || wanted.maps.npnoeps.has(place)
      for (const address of left) {
        if (isUdp(place)) staleFlows.push({ ...parsePlace(place), endpoint: address })
        if (isStillMet && !known.has(address)) gone.add(address)
      }
    }
    for (const place of after.keys())
      if (isUdp(place) && !before.has(place) && map !== 'svc') staleFlows.push(parsePlace(place))
  }
  return { staleFlows, gone: [...gone] }
}

const slotMaps: readonly (readonly [slots: MapName, map: MapName])[] = [
  ['eps', 'svc'],
  ['npeps', 'np'],
  ['npineps', 'npin'],
]

const endpointsByPlace = (of: Installed, slots: MapName): ReadonlyMap<string, ReadonlySet<string>> => {
  const places = new Map<string, Set<string>>()
  for (const [key, value] of of.maps[slots]) {
    const place = key.slice(0, key.lastIndexOf(' . '))
    places.set(place, (places.get(place) ?? new Set()).add(addressOf(value)))
  }
  return places
}

const addressOf = (target: string): string => target.split(' . ')[0] ?? ''

const isUdp = (place: string): boolean => place.split(' . ').at(-2) === 'udp'

const parsePlace = (place: string): { readonly address?: string; readonly port: number } => {
  const parts = place.split(' . ')
  return { ...(parts.length === 3 ? { address: parts[0] } : {}), port: Number(parts.at(-1)) }
}
