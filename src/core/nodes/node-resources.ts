import type { MachineReading } from './machine.ts'

/** Pods of one node: its range of addresses is a /25, and kubelet's own bound is 110. */
const mostPods = 110

const mebi = 1024 * 1024

/** k8s: what is kept free before the node calls itself under pressure; on a small board at most a fifth. */
export const keptMemoryBytes = (totalBytes: number): number => Math.min(100 * mebi, Math.floor(totalBytes / 5))

/** The Node object's capacity and allocatable, as quantities. */
export const nodeResources = (
  machine: Pick<MachineReading, 'memory' | 'cpus' | 'disk'>,
): {
  readonly capacity: { readonly [resource: string]: string }
  readonly allocatable: { readonly [resource: string]: string }
} => {
  const { memory, cpus, disk } = machine
  const ki = (bytes: number): string => `${Math.floor(bytes / 1024)}Ki`
  const shared = { cpu: String(cpus), pods: String(mostPods) }
  return {
    capacity: { ...shared, memory: ki(memory.totalBytes), 'ephemeral-storage': ki(disk.totalBytes) },
    allocatable: {
      ...shared,
      memory: ki(memory.totalBytes - keptMemoryBytes(memory.totalBytes)),
      'ephemeral-storage': ki(disk.totalBytes * 0.9),
    },
  }
}
