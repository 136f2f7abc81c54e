import { closeSync, constants, openSync, readSync } from 'node:fs'

/** Records read in one look: the kernel's buffer holds fewer, so this only ends a look that new records keep going. */
const mostRecords = 50_000

/**
 * Whether the kernel's log tells of a process killed for want of memory in the cgroup of this container. The log
 * outlives the cgroup. False where the log may not be read.
 *
 * @example kernelToldOfOom('3f2a…') // true after "oom-kill:…,task_memcg=/dunlin/pod1/libpod-3f2a…,task=tail,pid=7"
 */
export const kernelToldOfOom = (engineId: string, path = '/dev/kmsg'): boolean => {
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      return hasOomOf(engineId, () => nextRecord(file))
    } finally {
      closeSync(file)
    }
  } catch {
    return false // Not for us to read: the cgroup's own counter is all there is.
  }
}

const hasOomOf = (engineId: string, next: () => string | undefined): boolean => {
  for (let count = 0; count < mostRecords; count += 1) {
    const record = next()
    if (record === undefined) return false
    if (isOomOf(engineId, record)) return true
  }
  return false
}

/** kernel: `dump_oom_victim` of mm/oom_kill.c names the victim's cgroup after `task_memcg=`. */
export const isOomOf = (engineId: string, record: string): boolean =>
  /oom-kill:\S*?,task_memcg=([^,\s]+),/.exec(record)?.[1]?.includes(engineId) ?? false

const record = Buffer.alloc(8192)

/** One record a read; undefined at the end. */
const nextRecord = (file: number): string | undefined => {
  try {
    const length = readSync(file, record)
    return length === 0 ? undefined : record.toString('utf8', 0, length)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EAGAIN') return undefined
    if (code === 'EPIPE') return '' // The record was overwritten meanwhile; the next read goes on behind it.
    throw error
  }
}
