import { constants } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { moveFile } from '../../lib/durable-file.ts'

/**
 * Moves a log that has grown past half of what it may hold aside, and has conmon open a new one. No line is lost:
 * conmon writes to the moved file until it has opened the new. At most two halves are kept; the older goes.
 *
 * @returns whether it was rotated
 */
export const rotateLog = async (of: {
  readonly path: string
  readonly mostBytes: number
  /** conmon's control pipe. */
  readonly controlPipe: string
}): Promise<boolean> => {
  const size = await sizeOf(of.path)
  if (size === undefined) {
    // Moved aside before, but conmon was not told: a kill -9 between the two.
    if ((await sizeOf(`${of.path}.1`)) !== undefined) await reopen(of)
    return false
  }
  if (size < of.mostBytes) return false
  await moveFile(of.path, `${of.path}.1`)
  await reopen(of)
  return true
}

/** How long conmon gets to open its new file: milliseconds as a rule, longer where the machine stands still. */
const reopenMs = 30_000

/**
 * conmon: message type 2 on its control pipe reopens the log (two numbers follow, unused). Each message makes a new
 * file in place of the one before, lines and all, so it is said once, and the file waited for.
 */
const reopen = async ({
  path,
  controlPipe,
}: {
  readonly path: string
  readonly controlPipe: string
}): Promise<void> => {
  try {
    // Non-blocking: a pipe that nobody reads belongs to a conmon that is gone.
    const pipe = await open(controlPipe, constants.O_WRONLY | constants.O_NONBLOCK)
    try {
      await pipe.write('2 0 0\n')
    } finally {
      await pipe.close()
    }
    for (let waitedMs = 0, ms = 5; waitedMs < reopenMs && (await sizeOf(path)) === undefined; waitedMs += ms) {
      await new Promise(resolve => setTimeout(resolve, ms))
      ms = Math.min(2 * ms, 500)
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code !== 'ENXIO' && code !== 'ENOENT') throw error
  }
}

const sizeOf = async (path: string): Promise<number | undefined> => {
  try {
    return (await stat(path)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
