import { mustRun, runProgram } from '../../src/runtime-podman/run-program.ts'

/*
 *   lan0 ── wan (192.168.50.x) │ router │ inner (10.99.n.1) ── eth0 (10.99.n.2) of the node
 *
 *   Out: to the hub's ports alone, from the router's own address. In: answers alone.
 */

export interface NatRouter {
  /** The node's address, which nobody outside can reach. */
  readonly address: string
  readonly gateway: string
  /** Puts a cable named eth0 into the network namespace of this process, and the other end into the router. */
  plug(pid: number): Promise<void>
  /** Lets out to these ports of the hub alone, from now on; connections that stand go on. */
  allow(ports: readonly number[]): Promise<void>
  remove(): Promise<void>
}

/** A router of a network namespace of its own between one node and the LAN, as a home's or a mobile carrier's. */
export const natRouter = (of: {
  readonly number: number
  readonly cable: string
  readonly bridge: string
  /** The router's own address, with its prefix length. */
  readonly wan: string
  readonly hub: { readonly address: string; readonly ports: readonly number[] }
}): NatRouter => {
  const name = `nat${of.number}`
  const inside = (...words: readonly string[]) => ['ip', 'netns', 'exec', name, ...words]
  const [gateway, address] = [`10.99.${of.number}.1`, `10.99.${of.number}.2`]
  const rules = (ports: readonly number[]) => `
add table ip router
flush table ip router
table ip router {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname "inner" oifname "wan" ip daddr ${of.hub.address} tcp dport { ${ports.join(', ')} } accept
  }
  chain input { type filter hook input priority 0; policy drop; }
  chain out { type nat hook postrouting priority 100; oifname "wan" masquerade; }
}`
  const allow = async (ports: readonly number[]): Promise<void> => {
    await mustRun(inside('nft', '-f', '-'), { input: rules(ports) })
  }
  return {
    address,
    gateway,
    allow,
    async plug(pid) {
      await mustRun(['ip', 'netns', 'add', name])
      for (const words of [
        ['ip', 'link', 'add', of.cable, 'type', 'veth', 'peer', 'name', 'wan', 'netns', name],
        ['ip', 'link', 'set', of.cable, 'master', of.bridge, 'up'],
        ['ip', '-n', name, 'link', 'add', 'inner', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid)],
        ['ip', '-n', name, 'address', 'add', of.wan, 'dev', 'wan'],
        ['ip', '-n', name, 'address', 'add', `${gateway}/24`, 'dev', 'inner'],
        ['ip', '-n', name, 'link', 'set', 'wan', 'up'],
        ['ip', '-n', name, 'link', 'set', 'inner', 'up'],
        inside('sysctl', '-qw', 'net.ipv4.ip_forward=1'),
      ])
        await mustRun(words)
      await allow(of.hub.ports)
    },
    async remove() {
      await runProgram(['ip', 'netns', 'delete', name])
    },
  }
}
