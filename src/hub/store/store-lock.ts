import { readFileSync } from 'node:fs'
import { describeError, Fault } from '../../api/fault.ts'
import { createWhole, linkIfFree, moveFile, removeFile } from '../../lib/durable-file.ts'

/** Who holds the store. `started` is the process's start in clock ticks after boot: a pid alone may be used again. */
interface Holder {
  readonly pid: number
  readonly bootId: string
  readonly started: string
}

/**
 * Takes the lock file beside a store, which names its holder, so that a second hub ends with a sentence instead of
 * waiting. A lock left by a process that is no more is taken over. (The database's own lock decides in the end; this
 * one says who.) Returns how to give it back.
 *
 * @throws Fault Machine naming the process that holds it
 */
export const takeStoreLock = async (path: string): Promise<() => Promise<void>> => {
  const mine = `${JSON.stringify(holderOf(process.pid))}\n`
  try {
    for (let round = 0; round < 3; round += 1) {
      if (await createWhole(path, mine)) return () => giveBack(path, mine)
      const text = readText(path)
      const holder = text === undefined ? undefined : parseHolder(text)
      if (holder !== undefined && isAlive(holder)) {
        const what = `another hub (process ${holder.pid}) has this store open (${path}): stop it first, or give this one a data folder of its own`
        throw new Fault('Machine', what, { path, pid: holder.pid })
      }
      if (text !== undefined) await removeStale(path, text, `${path}.${process.pid}.stale`)
    }
  } catch (error) {
    if (error instanceof Fault) throw error
    const what = `the lock ${path} cannot be made (${describeError(error)}): check that its folder exists and may be written`
    throw new Fault('Machine', what, { path }, error)
  }
  throw new Fault('Machine', `the lock ${path} is being taken by another hub: stop it first`, { path })
}

/** Moves it aside first: whoever moved the very file that was judged may remove it. */
const removeStale = async (path: string, judged: string, aside: string): Promise<void> => {
  try {
    await moveFile(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if (readText(aside) !== judged) await linkIfFree(aside, path)
  await removeFile(aside)
}

const giveBack = async (path: string, mine: string): Promise<void> => {
  try {
    if (readText(path) === mine) await removeFile(path)
  } catch (error) {
    // The disk may have become read-only: what stays is the lock of a process that is no more.
    if ((error as NodeJS.ErrnoException).code !== 'EROFS') throw error
  }
}

const readText = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
}

const holderOf = (pid: number): Holder => ({ pid, bootId: bootId(), started: startOf(pid) ?? '' })

const parseHolder = (text: string): Holder | undefined => {
  try {
    const found: unknown = JSON.parse(text)
    if (typeof found !== 'object' || found === null) return undefined
    if (!('pid' in found) || typeof found.pid !== 'number') return undefined
    const bootId = 'bootId' in found ? String(found.bootId) : ''
    return { pid: found.pid, bootId, started: 'started' in found ? String(found.started) : '' }
  } catch {
    // A torn lock file was never a held one: it is written whole before it is linked.
    return undefined
  }
}

const isAlive = (holder: Holder): boolean =>
  holder.bootId === bootId() && startOf(holder.pid) !== undefined && startOf(holder.pid) === holder.started

const bootId = (): string => readText('/proc/sys/kernel/random/boot_id')?.trim() ?? ''

/** proc(5): field 22 of stat, counted after the name, which may hold blanks and brackets. */
const startOf = (pid: number): string | undefined =>
  readText(`/proc/${pid}/stat`)
    ?.replace(/^.*\) /s, '')
    .split(' ')[19]
