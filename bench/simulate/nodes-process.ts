import { jsonLog } from '../../src/lib/log.ts'
import type { MintedNode } from './mint.ts'
import { type NodeCounts, type SimulatedNode, startSimulatedNode } from './simulated-node.ts'

/* Many simulated nodes in one process; its parent speaks to it by messages. */

export type AskNodes =
  /** Starts these, spread over the time. */
  | { readonly ask: 'start'; readonly nodes: readonly MintedNode[]; readonly spreadMs: number }
  /** Sums over all nodes; `greeted`: how many were greeted after `since`. */
  | { readonly ask: 'counts'; readonly since: number }

export interface FleetCounts {
  readonly connected: number
  readonly greeted: number
  /** `Date.now()` of the latest greeting. */
  readonly lastGreetedAt: number
  readonly messagesUp: number
  readonly messagesDown: number
  readonly containersStarted: number
  readonly containersStopped: number
  readonly containersRunning: number
}

const nodes: SimulatedNode[] = []
const log = jsonLog({ write: line => process.stderr.write(line), level: 'error', now: Date.now })

const start = async (minted: readonly MintedNode[], spreadMs: number): Promise<void> => {
  await Promise.all(
    minted.map(async (one, index) => {
      await new Promise(resolve => setTimeout(resolve, (index * spreadMs) / minted.length))
      nodes.push(await startSimulatedNode(one, log))
    }),
  )
}

const counts = (since: number): FleetCounts => {
  const all: readonly NodeCounts[] = nodes.map(node => node.counts())
  const sum = (pick: (one: NodeCounts) => number): number => all.reduce((total, one) => total + pick(one), 0)
  return {
    connected: sum(one => (one.isConnected ? 1 : 0)),
    greeted: sum(one => (one.isConnected && one.greetedAt > since ? 1 : 0)),
    lastGreetedAt: all.reduce((most, one) => Math.max(most, one.greetedAt), 0),
    messagesUp: sum(one => one.messagesUp),
    messagesDown: sum(one => one.messagesDown),
    containersStarted: sum(one => one.containersStarted),
    containersStopped: sum(one => one.containersStopped),
    containersRunning: sum(one => one.containersRunning),
  }
}

process.on('message', async ({ id, ask }: { readonly id: number; readonly ask: AskNodes }) => {
  try {
    const value = ask.ask === 'start' ? await start(ask.nodes, ask.spreadMs) : counts(ask.since)
    process.send?.({ id, value })
  } catch (error) {
    process.send?.({ id, error: String(error) })
  }
})
// Nothing is closed in order: the simulation is over, and the files are on tmpfs.
process.once('disconnect', () => process.exit(0))
process.once('SIGTERM', () => process.exit(0))
