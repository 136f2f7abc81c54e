import { chmodSync, copyFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { bundleAgent } from '../scripts/agent-bundle.ts'
import { agentEnvironment, agentFlags } from '../scripts/agent-launch.ts'
import { type AgentNode, until } from '../test/fleet/kit.ts'
import type { NodeProcess } from '../test/fleet/node.ts'
import type { OwnWorld } from '../test/fleet/own-world.ts'
import { pidsOf } from './soak/read-process.ts'

export interface BundledAgent {
  readonly pid: number
  readonly process: NodeProcess
  /** Ends it in order. */
  stop(): Promise<void>
}

const bundleFolder = fileURLToPath(new URL('../dist/agent', import.meta.url))
const agentBundle = `${bundleFolder}/dunlin-agent.js`

/** Once a process: what runs loads parts of it late. */
let bundled: Promise<unknown> | undefined

/** Nodes whose agent from sources has ended already. */
const replaced = new WeakSet<AgentNode>()

/**
 * A copy of Node that nobody else runs: what is read of it is shared with no other process, as on a device.
 *
 * @example const node = ownNode(world) // '/tmp/dunlin-world-…/bin/node'
 */
export const ownNode = (world: OwnWorld, from = process.execPath): string => {
  const copy = `${world.folder}/own-node`
  copyFileSync(from, copy)
  chmodSync(copy, 0o755)
  return copy
}

/** Starts the bundle in place of the node's agent from sources, as it runs on a device, and waits until it runs. */
export const startBundle = async (
  node: AgentNode,
  of: {
    readonly binary: string
    readonly flags?: readonly string[]
    readonly words?: readonly string[]
    readonly env?: { readonly [name: string]: string }
  },
): Promise<BundledAgent> => {
  bundled ??= bundleAgent(bundleFolder)
  await bundled
  if (!replaced.has(node)) await node.killAgent('SIGTERM')
  replaced.add(node)
  const state = `${node.machine.disk}/agent`
  const process = node.machine.spawn(
    [
      ...[of.binary, ...(of.flags ?? agentFlags), agentBundle],
      ...['--state', state, '--cgroup-parent', node.machine.cgroupParent, ...(of.words ?? [])],
    ],
    { ...agentEnvironment, ...of.env },
  )
  await until('the bundled agent’s start', () => (process.output().includes('the agent runs') ? true : undefined), 60)
  const [pid] = pidsOf(words => words[0] === of.binary && words.includes(agentBundle) && words.includes(state))
  if (pid === undefined) throw new Error(`no process runs ${agentBundle}: ${process.output().slice(-2000)}`)
  return {
    pid,
    process,
    async stop() {
      process.kill('SIGTERM')
      await process.exited
    },
  }
}
