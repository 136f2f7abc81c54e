import type { Cidr } from './cidr.ts'
import { formatIp, parseIp, sizeOf } from './cidr.ts'

/** The address of the bridge in the node's range: its first. Pods have it as their gateway. */
export const gatewayOf = (range: Cidr): string => formatIp(range.base + 1)

/** How many pods the range has room for: all but network, gateway and broadcast. */
export const roomFor = (range: Cidr): number => Math.max(0, sizeOf(range) - 3)

/**
 * A free address for a pod, or undefined when the range is full. Goes round after the address given last,
 * so that an address just given back is the last to be used again (connections to its former owner have ended by then).
 *
 * @example choosePodAddress({ range, taken: new Set(['10.64.0.2']) }) // '10.64.0.3'
 */
export const choosePodAddress = (of: {
  readonly range: Cidr
  readonly taken: ReadonlySet<string>
  readonly last?: string
}): string | undefined => {
  const room = roomFor(of.range)
  const first = of.range.base + 2
  const last = of.last === undefined ? undefined : parseIp(of.last)
  const start = last === undefined || last < first || last >= first + room ? 0 : last - first + 1
  for (let step = 0; step < room; step += 1) {
    const address = formatIp(first + ((start + step) % room))
    if (!of.taken.has(address)) return address
  }
  return undefined
}
