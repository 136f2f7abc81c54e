import { fileURLToPath } from 'node:url'
import { askedProcess } from './asked-process.ts'
import type { MintedNode } from './mint.ts'
import type { AskNodes, FleetCounts } from './nodes-process.ts'

/** All simulated nodes, in as many processes as it takes. */
export interface SimulatedNodes {
  /** Resolves when every agent has looked at its pods once. */
  start(spreadMs: number): Promise<void>
  counts(since?: number): Promise<FleetCounts>
  readonly pids: readonly number[]
  close(): Promise<void>
}

const onCores = (cores: readonly number[]): readonly string[] =>
  cores.length === 0 ? [] : ['taskset', '--cpu-list', cores.join(',')]

const program = fileURLToPath(new URL('./nodes-process.ts', import.meta.url))

export const simulatedNodes = (of: {
  readonly minted: readonly MintedNode[]
  readonly perProcess: number
  /** Where they run; the hub has its own. */
  readonly cores: readonly number[]
  readonly log: number
}): SimulatedNodes => {
  const parts = Array.from({ length: Math.ceil(of.minted.length / of.perProcess) }, (_, index) => ({
    minted: of.minted.slice(index * of.perProcess, (index + 1) * of.perProcess),
    process: askedProcess<AskNodes>({
      name: `nodes ${index}`,
      words: [...onCores(of.cores), process.execPath, '--disable-warning=ExperimentalWarning', program],
      log: of.log,
    }),
  }))
  return {
    async start(spreadMs) {
      await Promise.all(parts.map(part => part.process.ask({ ask: 'start', nodes: part.minted, spreadMs })))
    },
    async counts(since = 0) {
      const all = await Promise.all(parts.map(part => part.process.ask<FleetCounts>({ ask: 'counts', since })))
      const sum = (pick: (one: FleetCounts) => number): number => all.reduce((total, one) => total + pick(one), 0)
      return {
        connected: sum(one => one.connected),
        greeted: sum(one => one.greeted),
        lastGreetedAt: Math.max(...all.map(one => one.lastGreetedAt)),
        messagesUp: sum(one => one.messagesUp),
        messagesDown: sum(one => one.messagesDown),
        containersStarted: sum(one => one.containersStarted),
        containersStopped: sum(one => one.containersStopped),
        containersRunning: sum(one => one.containersRunning),
      }
    },
    pids: parts.map(part => part.process.pid),
    async close() {
      await Promise.all(parts.map(part => part.process.stop()))
    },
  }
}
