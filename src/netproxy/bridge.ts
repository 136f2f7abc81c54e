import { existsSync } from 'node:fs'
import type { Cidr } from '../core/services/cidr.ts'
import { gatewayOf } from '../core/services/pod-addresses.ts'
import { bridgeName } from '../core/services/ruleset.ts'
import type { HostChanges } from './host-changes.ts'
import { readSysctl } from './host-changes.ts'
import { linksNow, macOf } from './links.ts'
import type { RunTool } from './run-tool.ts'
import { mustRun } from './run-tool.ts'

/**
 * How packets between two pods of this node pass our rules. `isolated`: ports cannot talk to each other, the bridge answers ARP for
 * all, so everything is routed. `bridged`: something on this host (Docker, another CNI, a kernel with it built in) hands bridged packets to
 * the IP rules; then ports talk directly and the rules see them there. Either way Services, hairpin and policy hold; mixed, they do not.
 */
export type BridgeMode = 'isolated' | 'bridged'

export const bridgeModeNow = async (): Promise<BridgeMode> =>
  (await readSysctl('net/bridge/bridge-nf-call-iptables')) === '1' ? 'bridged' : 'isolated'

export const portFlags = (mode: BridgeMode): string =>
  mode === 'isolated' ? 'isolated on hairpin off' : 'isolated off hairpin on'

/** Where IPv6 is compiled out, `ip` does not know of address generation. */
export const noIpv6Addresses = (): string => (existsSync('/proc/sys/net/ipv6') ? ' addrgenmode none' : '')

/** Makes the bridge with its address, or adopts the one that is there. It stays when its last port goes. */
export const ensureBridge = async (
  of: { readonly run: RunTool; readonly changes: HostChanges },
  want: { readonly range: Cidr; readonly mtu: number },
): Promise<void> => {
  const gateway = gatewayOf(want.range)
  const address = `${gateway}/${want.range.bits}`
  const lines: string[] = []
  if (!linksNow().has(bridgeName))
    lines.push(`link add ${bridgeName} address ${macOf(gateway)} type bridge stp_state 0 forward_delay 0`)
  const listed = linksNow().has(bridgeName)
    ? await mustRun(of.run, 'ip', ['-o', '-4', 'addr', 'show', 'dev', bridgeName])
    : ''
  const addresses = [...listed.matchAll(/inet (\S+)/g)].map(match => match[1] ?? '')
  for (const other of addresses) if (other !== address) lines.push(`addr del ${other} dev ${bridgeName}`)
  lines.push(`link set ${bridgeName} address ${macOf(gateway)} mtu ${want.mtu} up${noIpv6Addresses()}`)
  if (!addresses.includes(address)) lines.push(`addr add ${address} dev ${bridgeName}`)
  await mustRun(of.run, 'ip', ['-batch', '-'], `${lines.join('\n')}\n`)

  // Between two ports the bridge answers for all, and redirects nobody: the answer must come through our rules.
  await of.changes.setSysctl(`net/ipv4/conf/${bridgeName}/proxy_arp_pvlan`, '1')
  await of.changes.setSysctl(`net/ipv4/conf/${bridgeName}/send_redirects`, '0')
  await of.changes.setSysctl('net/ipv4/conf/all/send_redirects', '0')
}

/** Sets every port to the mode; what neighbours learned in the other mode is forgotten. */
export const switchMode = async (run: RunTool, ports: readonly string[], mode: BridgeMode): Promise<void> => {
  if (ports.length === 0) return
  const lines = ports.map(port => `link set ${port} type bridge_slave ${portFlags(mode)}`)
  await mustRun(run, 'ip', ['-batch', '-'], `${lines.join('\n')}\nneigh flush dev ${bridgeName}\n`)
}
