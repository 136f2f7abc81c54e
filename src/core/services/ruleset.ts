import type { NodeNetwork } from '../nodes/assignment.ts'
import { mostTargets } from './compile.ts'

/** The only names in the kernel that are ours. */
export const tableName = 'dunlin'
export const bridgeName = 'dunlin0'

/** One bit of the packet mark: "hide the client". Not one that Podman, kube-proxy, Cilium, k3s or Tailscale use. */
const mark = '0x40000000'
const notMark = '0xbfffffff'

/** Maps and sets that hold our data, each with its declaration. Their elements are all that changes while we run. */
export const declarations = {
  /** Service address -> chain. */
  svc: 'map svc { type ipv4_addr . inet_proto . inet_service : verdict; }',
  /** Port on any node address -> chain. `npin`: for pods and processes of this node, asked first. */
  np: 'map np { type inet_proto . inet_service : verdict; }',
  npin: 'map npin { type inet_proto . inet_service : verdict; }',
  /** The same with a slot -> endpoint. The slot must be declared as the random number that it is. */
  eps: `map eps { typeof ip daddr . meta l4proto . th dport . numgen random mod ${mostTargets} : ip daddr . th dport; }`,
  npeps: `map npeps { typeof meta l4proto . th dport . numgen random mod ${mostTargets} : ip daddr . th dport; }`,
  npineps: `map npineps { typeof meta l4proto . th dport . numgen random mod ${mostTargets} : ip daddr . th dport; }`,
  /** Node ports with nobody behind them. */
  npnoeps: 'set npnoeps { type inet_proto . inet_service; }',
  localpods: 'set localpods { type ipv4_addr; }',
  /** Each local pod with itself: what it sends to itself through a Service. */
  hairpin: 'set hairpin { type ipv4_addr . ipv4_addr; }',
} as const

export type MapName = keyof typeof declarations

/**
 * The static part of our table: fixed chains, empty maps, and `gone`, the addresses of pods that vanished.
 * No chain is made or removed for a Service (but for session affinity); its state is elements.
 *
 *   prerouting, output (-105, before anyone's port forwarding): svc, then np on the node's own addresses
 *   input, forward, output (-1): nobody behind it: refused; pod gone: reset
 *   postrouting (90, before anyone's masquerade): hairpin, hidden clients, pod to pod as it is, egress by masquerade
 */
export const staticRuleset = (network: NodeNetwork): string => {
  const slots = Array.from({ length: mostTargets }, (_, index) => index + 1)
  const dnat = (key: string, count: number, map: MapName) =>
    `dnat ip to ${key} . numgen random mod ${count} map @${map};`
  const hide = `ip saddr != @localpods meta mark set meta mark or ${mark};`
  const atAddress = 'ip daddr . meta l4proto . th dport'
  const atNode = 'meta l4proto . th dport'
  const chains = slots.flatMap(count => [
    `chain svc-${count} { ${hide} ${dnat(atAddress, count, 'eps')} }`,
    `chain own-${count} { ${dnat(atAddress, count, 'eps')} }`,
    `chain np-${count} { ${hide} ${dnat(atNode, count, 'npeps')} }`,
    `chain npl-${count} { ${dnat(atNode, count, 'npeps')} }`,
    `chain npi-${count} { ${hide} ${dnat(atNode, count, 'npineps')} }`,
  ])
  const toNode = `fib daddr type local ip daddr != { 127.0.0.0/8, ${network.dnsAddress} }`
  const lines = [
    ...Object.values(declarations),
    'set gone { type ipv4_addr; flags timeout; }',
    ...chains,
    `chain node-ports { ip saddr @localpods ${atNode} vmap @npin; ${atNode} vmap @np; }`,
    `chain own-node-ports { ${atNode} vmap @npin; ${atNode} vmap @np; }`,
    `chain prerouting { type nat hook prerouting priority -105; ${atAddress} vmap @svc; ${toNode} jump node-ports; }`,
    `chain output { type nat hook output priority -105; ${atAddress} vmap @svc; ${toNode} jump own-node-ports; }`,
    `chain unserved {
      ip daddr ${network.serviceCIDR} fib daddr type != local ct state invalid drop;
      ip daddr ${network.serviceCIDR} fib daddr type != local meta l4proto tcp reject with tcp reset;
      ip daddr ${network.serviceCIDR} fib daddr type != local reject;
      ct direction original ct status dnat ip daddr @gone meta l4proto tcp reject with tcp reset;
    }`,
    'chain refuse-forward { type filter hook forward priority -1; jump unserved; }',
    'chain refuse-output { type filter hook output priority -1; jump unserved; }',
    `chain refuse-input {
      type filter hook input priority -1;
      ct state new fib daddr type local meta l4proto tcp ${atNode} @npnoeps reject with tcp reset;
      ct state new fib daddr type local ${atNode} @npnoeps reject;
    }`,
    `chain postrouting {
      type nat hook postrouting priority 90;
      ct status dnat ip saddr . ip daddr @hairpin masquerade;
      meta mark and ${mark} == ${mark} oifname != "${bridgeName}" oifname != "lo" meta mark set meta mark and ${notMark} masquerade fully-random;
      ip saddr ${network.clusterCIDR} ip daddr ${network.clusterCIDR} snat ip to ip saddr;
      ip saddr ${network.podCIDR} oifname != "${bridgeName}" masquerade fully-random;
    }`,
  ]
  return lines.join('\n')
}
