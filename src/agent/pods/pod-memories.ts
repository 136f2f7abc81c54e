import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describeError } from '../../api/fault.ts'
import { type PodMemory, withoutTimes } from '../../core/pods/memory.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'
import type { Clock } from '../../lib/clock.ts'
import { readIfThere, replaceFile, writeDurably } from '../../lib/durable-file.ts'
import type { Log } from '../../lib/log.ts'
import { parseJson } from '../../wire/parse.ts'
import { parseMemoryFile } from './parse-memory.ts'

/*
 *   set(memory) ──> map ──after 200 ms──> run folder (tmpfs): whole, for the next life of the agent
 *                    │
 *                    ├─ what a power loss must not take has changed ──after 2 s──> state folder (flash)
 *                    └─ only counters have changed ──at most once an hour──────────^
 */

/** What was learned of pods, kept over restarts of the agent and, with less detail, of the machine. */
export interface PodMemories {
  get(uid: string): PodMemory | undefined
  set(memory: PodMemory): void
  delete(uid: string): void
  uids(): readonly string[]
  /** Writes what is not written yet. */
  flush(): Promise<void>
  close(): Promise<void>
}

const runDelayMs = 200
const urgentDelayMs = 2000
const hourMs = 3_600_000

/** Bounded by the number of pods that are assigned or observed: others are deleted by the loop. */
export const openPodMemories = async (of: {
  readonly stateFolder: string
  readonly runFolder: string
  readonly clock: Clock
  readonly log: Log
}): Promise<PodMemories> => {
  const { clock, log } = of
  const runPath = join(of.runFolder, 'pod-memory.json')
  const diskPath = join(of.stateFolder, 'pod-memory.json')
  const pods = new Map<string, PodMemory>()
  for (const memory of (await read(runPath, log)) ?? (await read(diskPath, log)) ?? []) pods.set(memory.uid, memory)

  let writing: Promise<void> = Promise.resolve()
  let onDisk = lasting(pods)
  let runTimer: (() => void) | undefined
  let diskTimer: { readonly atMs: number; readonly cancel: () => void } | undefined

  const textNow = (): string => JSON.stringify({ format: 1, pods: [...pods.values()].map(withoutTimes) })

  const queue = (write: () => Promise<void>): void => {
    writing = writing.then(write).catch((error: unknown) =>
      // A full or broken disk must not stop pods; the next change tries again.
      log.warn('what was learned of pods could not be written', { why: describeError(error) }),
    )
  }
  const writeRun = (): void => {
    runTimer?.()
    runTimer = undefined
    queue(async () => {
      await mkdir(of.runFolder, { recursive: true, mode: 0o700 })
      await replaceFile(runPath, textNow())
    })
  }
  const writeDisk = (): void => {
    diskTimer?.cancel()
    diskTimer = undefined
    queue(async () => {
      const now = lasting(pods)
      await writeDurably(diskPath, textNow())
      onDisk = now
    })
  }
  const diskIn = (ms: number): void => {
    const atMs = clock.monotonic() + ms
    if (diskTimer !== undefined && diskTimer.atMs <= atMs) return
    diskTimer?.cancel()
    diskTimer = { atMs, cancel: clock.after(ms, writeDisk) }
  }
  const changed = (): void => {
    runTimer ??= clock.after(runDelayMs, writeRun)
    // What of a pod that has gone is still on disk is found out and deleted after a power loss: that can wait.
    const isUrgent = [...lasting(pods)].some(([uid, text]) => onDisk.get(uid) !== text)
    diskIn(isUrgent ? urgentDelayMs : hourMs)
  }
  const flush = async (): Promise<void> => {
    if (runTimer !== undefined) writeRun()
    if (diskTimer !== undefined) writeDisk()
    await writing
  }

  return {
    get: uid => pods.get(uid),
    set(memory) {
      const before = pods.get(memory.uid)
      pods.set(memory.uid, memory)
      if (before === undefined || canonicalJson(kept(before)) !== canonicalJson(kept(memory))) changed()
    },
    delete(uid) {
      if (pods.delete(uid)) changed()
    },
    uids: () => [...pods.keys()],
    flush,
    async close() {
      await flush()
      runTimer?.()
      diskTimer?.cancel()
    },
  }
}

/** What of a memory is written at all: time that passes is no change. */
const kept = (memory: PodMemory): object => ({
  ...withoutTimes(memory),
  activeMs: Math.floor(memory.activeMs / 60_000),
})

/** What a power loss must not take, by pod: that it is known, what ran in it and what has ended. */
const lasting = (pods: ReadonlyMap<string, PodMemory>): ReadonlyMap<string, string> =>
  new Map(
    [...pods.values()].map(({ uid, outcome, containers }) => [
      uid,
      canonicalJson({ outcome, ran: Object.entries(containers).map(([name, one]) => [name, one.ranHash]) }),
    ]),
  )

const read = async (path: string, log: Log): Promise<readonly PodMemory[] | undefined> => {
  const bytes = await readIfThere(path)
  if (bytes === undefined) return undefined
  try {
    return parseJson(bytes.toString(), parseMemoryFile, path).pods
  } catch (error) {
    // Lost restart counts restart nothing: what runs is adopted by its labels.
    log.warn('what was learned of pods is not readable and begins anew', { path, why: describeError(error) })
    return undefined
  }
}
