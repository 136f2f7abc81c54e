import type { Pod } from '../../api/types.ts'
import type { PodMemory } from '../../core/pods/memory.ts'
import type { ObservedContainer, ObservedPod, PodRuntime } from '../../core/pods/runtime.ts'

/** k8s: at most 80 lines or 2048 bytes of the log. */
const mostLines = 80
const mostBytes = 2048

/**
 * Gives a container that failed without a word the end of its log as its message, where its
 * terminationMessagePolicy is FallbackToLogsOnError. Reads a log once per end.
 */
export const withLogTails = async (
  runtime: PodRuntime,
  pod: Pod | undefined,
  observed: ObservedPod | undefined,
  memory: PodMemory | undefined,
): Promise<ObservedPod | undefined> => {
  if (pod === undefined || observed === undefined) return observed
  const wishing = new Set(
    [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])]
      .filter(one => one.terminationMessagePolicy === 'FallbackToLogsOnError')
      .map(one => one.name),
  )
  if (wishing.size === 0) return observed
  const containers: ObservedContainer[] = []
  for (const one of observed.containers) {
    const isNew = memory?.containers[one.container]?.end?.attempt !== one.attempt
    const hasFailed = one.state === 'exited' && one.exitCode !== 0 && !one.terminationMessage
    if (!wishing.has(one.container) || !isNew || !hasFailed) containers.push(one)
    else containers.push({ ...one, terminationMessage: await tailOf(runtime, one) })
  }
  return { ...observed, containers }
}

const tailOf = async (runtime: PodRuntime, one: ObservedContainer): Promise<string> => {
  const parts: Buffer[] = []
  const options = { follow: false, tailLines: mostLines }
  for await (const line of runtime.logs(one, options, AbortSignal.timeout(5000))) parts.push(line.text)
  return Buffer.concat(parts).subarray(-mostBytes).toString()
}
