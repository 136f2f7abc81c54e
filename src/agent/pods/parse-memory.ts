import type { ContainerStateTerminated } from '../../api/types.ts'
import type { ContainerMemory, End, Outcome, PodMemory } from '../../core/pods/memory.ts'
import { count, dictionary, finite, flag, list, maybe, oneOf, type Parse, record, text } from '../../wire/parse.ts'

const name = text(253)
const time = text(40)
const message = text(8192)
/** Monotonic times and troubles are of another life: whatever is found in their place is left behind. */
const forgotten: Parse<undefined> = () => undefined

const parseTerminated = record<ContainerStateTerminated>({
  containerID: maybe(text(200)),
  exitCode: finite,
  finishedAt: maybe(time),
  message: maybe(message),
  reason: maybe(text(100)),
  signal: maybe(count),
  startedAt: maybe(time),
})

const parseContainer = record<ContainerMemory>({
  attempt: finite,
  ranHash: maybe(text(100)),
  pulledHash: maybe(text(100)),
  end: maybe(record<End>({ attempt: finite, level: count, terminated: parseTerminated, seenAtMs: forgotten })),
  endBefore: maybe(parseTerminated),
  trouble: forgotten,
  postStart: maybe(record<NonNullable<ContainerMemory['postStart']>>({ attempt: finite, failure: maybe(message) })),
  stopping: forgotten,
  probed: maybe(record<NonNullable<ContainerMemory['probed']>>({ attempt: finite, isStarted: flag, isReady: flag })),
})

const parsePod = record<PodMemory>({
  // An entry of no pod could never be brought along, and never leave.
  uid: text(64, /^[A-Za-z0-9.-]+$/),
  namespace: name,
  name,
  startedAt: time,
  graceSeconds: finite,
  sidecars: list(100, name),
  isInitialized: flag,
  writtenFor: maybe(text(64)),
  containers: dictionary(200, parseContainer),
  outcome: maybe(
    record<Outcome>({ phase: oneOf('Succeeded', 'Failed'), reason: maybe(text(100)), message: maybe(message) }),
  ),
  trouble: forgotten,
  activeMs: finite,
  lookedAtMs: forgotten,
  ending: forgotten,
  transitions: dictionary(20, record<PodMemory['transitions'][string]>({ status: text(10), at: time })),
})

export interface PodMemoryFile {
  readonly format: 1
  readonly pods: readonly PodMemory[]
}

export const parseMemoryFile: Parse<PodMemoryFile> = record<PodMemoryFile>({
  format: oneOf(1),
  pods: list(2000, parsePod),
})
