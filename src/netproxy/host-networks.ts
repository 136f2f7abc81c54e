import { readFile } from 'node:fs/promises'
import { Fault, type FaultAbout } from '../api/fault.ts'
import type { NodeNetwork } from '../core/nodes/assignment.ts'
import type { Cidr } from '../core/services/cidr.ts'
import { contains, parseCidr, parseIp } from '../core/services/cidr.ts'
import type { HostNetwork } from '../core/services/overlap.ts'
import { findOverlap } from '../core/services/overlap.ts'
import { bridgeName } from '../core/services/ruleset.ts'
import type { RunTool } from './run-tool.ts'
import { mustRun } from './run-tool.ts'

/** The number by which our routes are known: they can be found, and taken away, whoever made them. */
export const routeProtocol = '177'

export interface HostLan {
  /** The device towards the LAN: that of the default route, or the first with an address. */
  readonly device: string | undefined
  readonly mtu: number
  /** Networks that are on the wire of this host. */
  readonly onLink: readonly Cidr[]
  readonly networks: readonly HostNetwork[]
}

/** The host's links, addresses and routes, ours left out. */
export const readHostLan = async (run: RunTool, lanInterface: string | undefined): Promise<HostLan> => {
  const [linkText, addressText, routeText] = await Promise.all([
    mustRun(run, 'ip', ['-d', '-o', 'link', 'show']),
    mustRun(run, 'ip', ['-4', '-o', 'addr', 'show']),
    mustRun(run, 'ip', ['-4', 'route', 'show', 'table', 'main']),
  ])
  const links = [...linkText.matchAll(/^\d+: ([^:@\s]+)[^:]*: .*? mtu (\d+) (.*)$/gm)].map(
    ([, name = '', mtu, rest = '']) => ({
      name,
      mtu: Number(mtu),
      isBridge: /\\\s+bridge /.test(rest),
    }),
  )
  const routes = routeText.split('\n').flatMap(line => {
    const words = line.trim().split(/\s+/)
    const after = (word: string) => (words.includes(word) ? words[words.indexOf(word) + 1] : undefined)
    const [to] = words
    if (to === undefined || to === '' || after('proto') === routeProtocol) return []
    return [
      {
        to: to === 'default' ? '0.0.0.0/0' : to.includes('/') ? to : `${to}/32`,
        device: after('dev') ?? '',
        via: after('via'),
      },
    ]
  })
  const defaultDevice = lanInterface ?? routes.find(route => route.to === '0.0.0.0/0')?.device
  const isInside = (device: string) =>
    device !== defaultDevice && links.some(link => link.name === device && link.isBridge)
  const addresses = [...addressText.matchAll(/^\d+: (\S+)\s+inet (\S+)/gm)]
    .map(([, device = '', cidr = '']) => ({ cidr: cidr.includes('/') ? cidr : `${cidr}/32`, device }))
    .filter(one => one.device !== 'lo' && one.device !== bridgeName)
  const device = defaultDevice ?? addresses.find(one => !isInside(one.device))?.device
  const narrow = routes.filter(
    route => route.to !== '0.0.0.0/0' && route.device !== bridgeName && route.device !== 'lo',
  )
  return {
    device,
    mtu: links.find(link => link.name === device)?.mtu ?? 1500,
    onLink: addresses.filter(one => !isInside(one.device)).flatMap(one => parseCidr(one.cidr) ?? []),
    networks: [
      ...addresses.map(one => ({ ...one, isInside: isInside(one.device) })),
      ...narrow.map(route => ({ cidr: route.to, device: route.device, isInside: isInside(route.device) })),
    ],
  }
}

/** A sentence that names both ranges, where a network of this host shares addresses with ours. */
export const describeOverlap = (
  network: NodeNetwork,
  lan: HostLan,
): { readonly text: string; readonly about: FaultAbout } | undefined => {
  const found = findOverlap(network, lan.networks)
  if (found === undefined) return undefined
  const { cidr, device } = found.with
  return {
    text:
      `the network ${cidr} of ${device} overlaps the ${found.what} ${found.range}: ` +
      'pods cannot be reached on this node. Give the fleet other addresses before its first node joins, or move that network',
    about: { lan: cidr, device, range: found.range },
  }
}

/** @throws {Fault} Machine, naming both ranges, where a network of this host shares addresses with ours */
export const refuseOverlap = (network: NodeNetwork, lan: HostLan): void => {
  const overlap = describeOverlap(network, lan)
  if (overlap !== undefined) throw new Fault('Machine', overlap.text, overlap.about)
}

/** The host's routes as the kernel shows them: text to compare, read without starting a program. */
export const hostRoutes = (): Promise<string> => readFile('/proc/net/route', 'utf8')

/** Whether an address is on the wire of this host. */
export const isOnLink = (lan: HostLan, address: string): boolean => {
  const value = parseIp(address)
  return value !== undefined && lan.onLink.some(range => range.bits < 32 && contains(range, value))
}
