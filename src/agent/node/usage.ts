import type { MachineReading } from '../../core/nodes/machine.ts'
import type { ContainerUsage } from '../../core/pods/runtime.ts'
import type { NodeUsage } from '../../wire/payloads.ts'

/** What the machine and its containers had used at one moment. */
export interface UsageSample {
  /** Monotonic ms, and wall time. */
  readonly atMs: number
  readonly wallMs: number
  readonly machine: Pick<MachineReading, 'cpuNanos' | 'memory'>
  readonly containers: readonly ContainerUsage[]
}

export type PodNames = ReadonlyMap<string, { readonly namespace: string; readonly name: string }>

/**
 * CPU in nanocores and memory in bytes between two samples. A container that is not in both, or began anew, is left
 * out until it is: a rate needs two looks.
 */
export const usageBetween = (before: UsageSample, after: UsageSample, pods: PodNames): NodeUsage => {
  const seconds = Math.max(0.001, (after.atMs - before.atMs) / 1000)
  const earlier = new Map(before.containers.map(one => [keyOf(one), one]))
  const byPod = new Map<string, UsedContainer[]>()
  for (const one of after.containers) {
    const last = earlier.get(keyOf(one))
    if (last === undefined || one.cpuNanos < last.cpuNanos) continue
    const cpuNanos = Math.round((one.cpuNanos - last.cpuNanos) / seconds)
    const list = byPod.get(one.podUid) ?? []
    const cpuSeconds = Math.round(one.cpuNanos / 1e7) / 100
    list.push({ name: one.container, cpuNanos, memoryBytes: one.memoryBytes, cpuSeconds })
    byPod.set(one.podUid, list)
  }
  const { memory, cpuNanos } = after.machine
  return {
    time: new Date(after.wallMs).toISOString(),
    windowSeconds: seconds,
    node: {
      cpuNanos: Math.max(0, Math.round((cpuNanos - before.machine.cpuNanos) / seconds)),
      memoryBytes: memory.totalBytes - memory.availableBytes,
    },
    pods: [...byPod].flatMap(([uid, containers]) => {
      const named = pods.get(uid)
      return named === undefined ? [] : [{ ...named, uid, containers }]
    }),
  }
}

type UsedContainer = NodeUsage['pods'][number]['containers'][number]

const keyOf = (one: ContainerUsage): string => `${one.podUid}/${one.container}/${one.attempt}`
