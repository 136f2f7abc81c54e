import type { ContainerUsage } from '../../core/pods/runtime.ts'

/**
 * CPU time of a pod that only grows: what containers had used that have ended meanwhile stays in the sum. From what was
 * seen; a container that began and ended between two looks is not in it.
 */
export const podCpu = () => {
  const running = new Map<string, number>()
  let endedNanos = 0
  /** Seconds, of the pod's containers as they are now. */
  return (containers: readonly ContainerUsage[]): number => {
    const now = new Map(containers.map(one => [`${one.container}/${one.attempt}`, one.cpuNanos]))
    for (const [key, before] of running) if ((now.get(key) ?? -1) < before) endedNanos += before
    running.clear()
    let nanos = endedNanos
    for (const [key, used] of now) {
      running.set(key, used)
      nanos += used
    }
    return Math.round(nanos / 1e7) / 100
  }
}
