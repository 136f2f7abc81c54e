import { setTimeout as sleep } from 'node:timers/promises'
import { mustRun, runProgram } from '../../src/runtime-podman/run-program.ts'
import type { FaultWorld } from './fault-world.ts'
import type { Inject } from './inject.ts'
import { changeArrives } from './marker.ts'
import { slowRelay } from './slow-relay.ts'

/** What happens between a node and the rest. Rules are the test world's own, none of the node's. */
export const linkFaults = {
  async 'link cut'(world, round) {
    const { machine } = world.node(round.node)
    await machine.setLink('down')
    await sleep(round.lastsMs)
    await machine.setLink('up')
  },
  async 'packets lost'(world, round) {
    const cable = cableOf(world, round.node)
    await withTable(
      `table bridge faults {
        chain in {
          type filter hook prerouting priority -300;
          iifname "${cable}" numgen random mod 100 < 30 drop
        }
        chain out {
          type filter hook postrouting priority 300;
          oifname "${cable}" numgen random mod 100 < 30 drop
        }
      }`,
      () => sleep(round.lastsMs),
    )
  },
  async 'link delayed'(world, round) {
    const relays = await Promise.all(
      [8883, 6443].map(port => slowRelay({ to: { host: world.fleet.lan.address, port }, delayMs: 2000 })),
    )
    const { address } = world.node(round.node).machine
    const rules = [8883, 6443].map(
      (port, index) => `ip saddr ${address} tcp dport ${port} redirect to :${relays[index]?.port}`,
    )
    try {
      await withTable(
        `table ip faults {
          chain in {
            type nat hook prerouting priority -100;
            ${rules.join('\n')}
          }
        }`,
        async () => {
          await resetConnections(world, round.node)
          // A whole way in takes 12 s: a TLS handshake, CONNECT and SUBSCRIBE.
          await Promise.all([
            sleep(round.lastsMs),
            changeArrives(world, `${round.number} meanwhile`, 120, [round.node]),
          ])
        },
      )
    } finally {
      for (const relay of relays) await relay.close()
    }
    await resetConnections(world, round.node)
  },
  async 'link a trickle'(world, round) {
    const cable = cableOf(world, round.node)
    const { machine } = world.node(round.node)
    const shape = (device: string) => `tc qdisc add dev ${device} root tbf rate 16kbit burst 3kb latency 2s`.split(' ')
    await mustRun(shape(cable))
    const done = await machine.exec(shape('eth0'))
    if (done.code !== 0) throw new Error(`tc on the node: ${done.output}`)
    await sleep(round.lastsMs)
    await mustRun(['tc', 'qdisc', 'del', 'dev', cable, 'root'])
    await machine.exec(['tc', 'qdisc', 'del', 'dev', 'eth0', 'root'])
  },
  async 'broker port blocked'(world, round) {
    const { address } = world.node(round.node).machine
    await withTable(
      `table inet faults {
        chain in {
          type filter hook input priority 0;
          ip saddr ${address} tcp dport 8883 reject with tcp reset
        }
      }`,
      async () => {
        await resetConnections(world, round.node)
        await changeArrives(world, `${round.number} meanwhile`, 120, [round.node])
      },
    )
  },
} as const satisfies { readonly [name: string]: Inject }

/** Ends every connection that a node has with the hub, as a router does that has forgotten them. */
export const resetConnections = async (world: FaultWorld, node: string): Promise<void> => {
  const { address } = world.node(node).machine
  for (const port of [8883, 6443])
    for (const peer of [address, `[::ffff:${address}]`])
      await mustRun(['ss', '-K', '-tn', 'sport', '=', `:${port}`, 'dst', peer])
}

const withTable = async (text: string, act: () => Promise<unknown>): Promise<void> => {
  const [, family = '', name = ''] = /^table (\S+) (\S+)/.exec(text) ?? []
  await mustRun(['nft', '-f', '-'], { input: `${text}\n` })
  try {
    await act()
  } finally {
    await runProgram(['nft', 'delete', 'table', family, name])
  }
}

/** The end of a node's cable that is on the bridge. */
const cableOf = (world: FaultWorld, name: string): string =>
  `lan${world.nodes.findIndex(node => node.name === name) + 1}`
