import type { networkInterfaces } from 'node:os'
import { contains, parseCidr, parseIp } from '../core/services/cidr.ts'

/**
 * The addresses of this machine by which others may reach it: IPv4 first; no loopback, no link-local ones, none of the
 * ranges of the fleet's own pods and Services. At most eight.
 */
export const machineAddresses = (
  interfaces: ReturnType<typeof networkInterfaces>,
  ownRanges: readonly string[],
): readonly string[] => {
  const ranges = ownRanges.map(parseCidr).filter(range => range !== undefined)
  const isOwn = (address: string): boolean => {
    const ip = parseIp(address)
    return ip !== undefined && ranges.some(range => contains(range, ip))
  }
  const found = Object.values(interfaces).flatMap(addresses => addresses ?? [])
  const outside = found.filter(one => !one.internal && !/^(fe80:|169\.254\.)/i.test(one.address) && !isOwn(one.address))
  const family = (wanted: string) => outside.filter(one => one.family === wanted).map(one => one.address)
  return [...new Set([...family('IPv4'), ...family('IPv6')])].slice(0, 8)
}

/**
 * What join tokens and kubeconfigs say: `host:port`. A name or address with a port of its own (a port that a router
 * forwards) counts for the API alone, and for MQTT too, for MQTT is spoken there by ALPN.
 *
 * @example advertised(['hub.lan', 'home.example:7443'], 6443) // ['hub.lan:6443', 'home.example:7443']
 */
export const advertised = (places: readonly string[], port: number): readonly string[] =>
  places.map(place => {
    if (/^\[.*\]:\d+$/.test(place) || /^[^:]+:\d+$/.test(place)) return place
    return place.includes(':') ? `[${place}]:${port}` : `${place}:${port}`
  })

/** The host of `host`, `host:port`, `[v6]:port` or `v6`. */
export const hostOf = (place: string): string =>
  /^\[(.*)\]:\d+$/.exec(place)?.[1] ?? /^([^:]+):\d+$/.exec(place)?.[1] ?? place
