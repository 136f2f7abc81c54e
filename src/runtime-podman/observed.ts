import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import type { ContainerRef, ObservedContainer } from '../core/pods/runtime.ts'
import { labels } from './names.ts'
import { type Fields, objectOf, textOf } from './parse.ts'
import { pidIn, processNow } from './processes.ts'

/** One of our containers as the engine lists it. */
export interface ListedContainer extends ContainerRef {
  readonly engineId: string
  readonly namespace: string
  readonly name: string
  readonly specHash: string
  readonly image: string
  readonly imageId: string
  readonly cgroupParent: string
  /** Bytes of one of the two log files; 0 where the label says none. */
  readonly logMaxBytes: number
  readonly engineState: string
  readonly exitCode: number
  readonly createdAt?: string
  readonly startedSeconds: number
  readonly exitedSeconds: number
  readonly pid: number
}

/** An entry of `/containers/json`; undefined when its labels are not those of ours. */
export const parseListed = (entry: unknown): ListedContainer | undefined => {
  const fields = objectOf(entry, 'a container of the list')
  return withLabels(fields['Labels'], {
    engineId: textOf(fields['Id'], 'the id of a container'),
    imageId: typeof fields['ImageID'] === 'string' ? fields['ImageID'] : '',
    engineState: textOf(fields['State'], 'the state of a container').toLowerCase(),
    exitCode: integer(fields['ExitCode']),
    startedSeconds: integer(fields['StartedAt']),
    exitedSeconds: integer(fields['ExitedAt']),
    pid: integer(fields['Pid']),
    ...createdOf(fields),
  })
}

/** The answer of `/containers/NAME/json`, as if listed: one container costs the engine less than a list of all. */
export const parseInspected = (answer: unknown): ListedContainer | undefined => {
  const fields = objectOf(answer, 'a container')
  const state = objectOf(fields['State'], 'the state of a container')
  return withLabels(objectOf(fields['Config'], 'the config of a container')['Labels'], {
    engineId: textOf(fields['Id'], 'the id of a container'),
    imageId: typeof fields['Image'] === 'string' ? fields['Image'] : '',
    engineState: textOf(state['Status'], 'the status of a container').toLowerCase(),
    exitCode: integer(state['ExitCode']),
    startedSeconds: secondsOf(state['StartedAt']),
    exitedSeconds: secondsOf(state['FinishedAt']),
    pid: integer(state['Pid']),
    ...createdOf(fields),
  })
}

const withLabels = (
  marked: unknown,
  rest: Omit<
    ListedContainer,
    keyof ContainerRef | 'namespace' | 'name' | 'specHash' | 'image' | 'cgroupParent' | 'logMaxBytes'
  >,
): ListedContainer | undefined => {
  const marks: Fields = marked === null || marked === undefined ? {} : objectOf(marked, 'labels')
  const label = (name: string): string => (typeof marks[name] === 'string' ? marks[name] : '')
  const attempt = Number(label(labels.attempt))
  if (label(labels.uid) === '' || label(labels.container) === '' || !Number.isInteger(attempt)) return undefined
  return {
    podUid: label(labels.uid),
    container: label(labels.container),
    attempt,
    namespace: label(labels.namespace),
    name: label(labels.name),
    specHash: label(labels.specHash),
    image: label(labels.image),
    cgroupParent: label(labels.cgroupParent),
    logMaxBytes: Number(label(labels.logMaxBytes)) || 0,
    ...rest,
  }
}

const createdOf = (fields: Fields): { readonly createdAt?: string } => {
  const createdAt = timeOf(fields['Created'])
  return createdAt === undefined ? {} : { createdAt }
}

/** What we noted ourselves about a container, beside the engine. */
export interface OwnNotes {
  readonly isOom: boolean
  readonly error?: string
  readonly terminationFile: string
  readonly conmonPidFile: string
}

/** The container as it truly is: the engine's word, checked against /proc. */
export const observedOf = (listed: ListedContainer, notes: OwnNotes): ObservedContainer => {
  const state = stateOf(listed, notes)
  const startedAt = secondsToTime(listed.startedSeconds)
  const finishedAt = secondsToTime(listed.exitedSeconds)
  const message = state === 'exited' ? terminationMessage(notes.terminationFile) : undefined
  return {
    podUid: listed.podUid,
    container: listed.container,
    attempt: listed.attempt,
    engineId: listed.engineId,
    specHash: listed.specHash,
    image: listed.image,
    imageId: listed.imageId,
    state,
    oomKilled: state === 'exited' && notes.isOom,
    ...(listed.createdAt === undefined ? {} : { createdAt: listed.createdAt }),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(state === 'exited'
      ? {
          exitCode: listed.exitCode,
          ...(finishedAt === undefined ? {} : { finishedAt }),
          ...(listed.exitCode > 128 && listed.exitCode < 193 ? { signal: listed.exitCode - 128 } : {}),
        }
      : {}),
    ...(state === 'running' ? { pid: listed.pid } : {}),
    ...(message === undefined || message === '' ? {} : { terminationMessage: message }),
    ...(notes.error === undefined ? {} : { error: notes.error }),
  }
}

const stateOf = (listed: ListedContainer, notes: OwnNotes): ObservedContainer['state'] => {
  switch (listed.engineState) {
    case 'configured':
    case 'created':
    case 'initialized':
      return 'created'
    case 'exited':
    case 'stopped':
      // podman: -1 when both monitor and process went without leaving an exit code.
      return listed.exitCode < 0 ? 'lost' : 'exited'
    case 'removing':
      return 'lost'
    default:
      // Running, paused or stopping: true only while its monitor lives, which alone would tell of its end.
      return processNow(pidIn(notes.conmonPidFile) ?? 0) === undefined ? 'lost' : 'running'
  }
}

/** k8s: the last 4096 bytes of the file. */
const terminationMessage = (path: string): string | undefined => {
  try {
    const file = openSync(path, 'r')
    try {
      const { size } = fstatSync(file)
      const bytes = Buffer.alloc(Math.min(size, 4096))
      return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, size - bytes.length)).toString('utf8')
    } finally {
      closeSync(file)
    }
  } catch {
    return undefined // The container wrote none.
  }
}

const integer = (value: unknown): number => (typeof value === 'number' && Number.isInteger(value) ? value : 0)

/** podman: a time before 1970 stands for none. */
const secondsToTime = (seconds: number): string | undefined =>
  seconds <= 0 ? undefined : new Date(seconds * 1000).toISOString()

/** Whole seconds, as lists have them; 0 for none. */
const secondsOf = (value: unknown): number =>
  typeof value === 'string' ? Math.max(0, Math.floor(Date.parse(value) / 1000) || 0) : 0

const timeOf = (value: unknown): string | undefined => {
  if (typeof value !== 'string' || Number.isNaN(Date.parse(value))) return undefined
  return new Date(value).toISOString()
}
