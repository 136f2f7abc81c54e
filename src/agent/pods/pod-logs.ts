import { Fault } from '../../api/fault.ts'
import type { ContainerRef, LogLine, LogOptions, PodRuntime } from '../../core/pods/runtime.ts'
import type { LogRequest } from '../../wire/side-channel/requests.ts'

/** What `kubectl logs` asks for, as it comes on the side channel. */
export type PodLogsRequest = LogRequest

/**
 * The log of a container, or of the attempt before its newest, as the bytes that kubectl prints.
 *
 * @throws Fault NotFound where there is no such pod, container or previous attempt here
 */
export const podLogs = async (
  runtime: PodRuntime,
  asked: PodLogsRequest,
  signal: AbortSignal,
  now: () => number,
): Promise<AsyncIterable<Uint8Array>> => {
  const id = await attemptOf(runtime, asked)
  const sinceTime =
    asked.sinceTime ??
    (asked.sinceSeconds === undefined ? undefined : new Date(now() - asked.sinceSeconds * 1000).toISOString())
  const options: LogOptions = {
    // What has ended does not grow.
    follow: asked.follow && !asked.previous,
    ...(asked.tailLines === undefined ? {} : { tailLines: asked.tailLines }),
    ...(sinceTime === undefined ? {} : { sinceTime }),
  }
  return bytesOf(runtime.logs(id, options, signal), asked)
}

const attemptOf = async (runtime: PodRuntime, asked: PodLogsRequest): Promise<ContainerRef> => {
  const pod = await runtime.observePod(asked.podUid)
  const where = `pod "${asked.namespace}/${asked.name}"`
  const attempts = (pod?.containers ?? [])
    .filter(one => one.container === asked.container && one.state !== 'created')
    .toSorted((a, b) => b.attempt - a.attempt)
  const [newest, before] = attempts
  if (newest === undefined)
    throw new Fault('NotFound', `container "${asked.container}" of ${where} has not started on this node`)
  if (!asked.previous) return newest
  if (before === undefined)
    throw new Fault('NotFound', `previous terminated container "${asked.container}" of ${where} not found`)
  return before
}

async function* bytesOf(lines: AsyncIterable<LogLine>, asked: PodLogsRequest): AsyncIterable<Uint8Array> {
  let left = asked.limitBytes ?? Number.POSITIVE_INFINITY
  for await (const line of lines) {
    const bytes = asked.timestamps ? Buffer.concat([Buffer.from(`${line.time} `), line.text]) : line.text
    if (bytes.length >= left) {
      yield bytes.subarray(0, left)
      return
    }
    left -= bytes.length
    yield bytes
  }
}
