import type { NodeUsage } from '../../wire/payloads.ts'
import type { UsageSource } from '../ports.ts'

/** The newest usage of each node, in memory; a node that is forgotten goes. */
export interface UsageMemory extends UsageSource {
  put(node: string, usage: NodeUsage): void
  forget(node: string): void
}

export const usageMemory = (): UsageMemory => {
  const newest = new Map<string, NodeUsage>()
  return {
    put(node, usage) {
      newest.set(node, usage)
    },
    forget(node) {
      newest.delete(node)
    },
    node: name => newest.get(name),
    nodes: () => [...newest].map(([name, usage]) => ({ name, usage })),
  }
}
