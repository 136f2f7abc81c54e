import { watch } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { LogLine, LogOptions } from '../../core/pods/runtime.ts'
import { parseLogLine, utcNanos } from './log-line.ts'

/*
 *   <attempt>.log.1   the older half, once rotated
 *   <attempt>.log     what conmon writes to now
 *
 *   A reader holds its file open while conmon moves on: it reads to the end of that one, then takes the next,
 *   so that no rotation loses a line.
 */

const newline = 0x0a

/** Bytes of one line of the file; a longer one is cut in parts. conmon itself cuts at 8 KiB. */
const mostLineBytes = 64 * 1024

const chunkBytes = 64 * 1024

/**
 * The lines of a container's log files, oldest first. With `follow`, goes on until `isOver` says so and all is read.
 * Reads at the reader's pace: nothing is buffered but one chunk.
 */
export async function* readLog(of: {
  readonly path: string
  readonly options: LogOptions
  readonly signal: AbortSignal
  /** Whether the container writes no more. Asked when all is read. */
  readonly isOver: () => Promise<boolean>
  /** Calls `wake` when the container has ended. Returns how to stop listening. */
  readonly onEnd: (wake: () => void) => () => void
}): AsyncGenerator<LogLine> {
  const since = of.options.sinceTime === undefined ? undefined : utcNanos(of.options.sinceTime)
  let bytesLeft = of.options.limitBytes ?? Number.POSITIVE_INFINITY
  for await (const raw of rawLines(of)) {
    const line = parseLogLine(raw)
    if (line === undefined || (since !== undefined && line.time < since)) continue
    if (bytesLeft <= 0) return
    yield line.text.length <= bytesLeft ? line : { ...line, text: line.text.subarray(0, bytesLeft) }
    bytesLeft -= line.text.length
  }
}

async function* rawLines(of: Parameters<typeof readLog>[0]): AsyncGenerator<Buffer> {
  const awake = waker(of.path, of.signal, of.onEnd)
  let file: OpenFile | undefined
  try {
    const start = await startOf(of.path, of.options.tailLines)
    file = start.file
    let offset = start.offset
    let rest: Buffer = Buffer.alloc(0)
    while (!of.signal.aborted) {
      // An end that comes while it is asked for wakes; what was written before the end is read after the answer.
      awake.arm()
      const wasOver = of.options.follow ? await of.isOver() : true
      if (file !== undefined) {
        for (;;) {
          const chunk = Buffer.alloc(chunkBytes)
          const { bytesRead } = await file.handle.read(chunk, 0, chunkBytes, offset)
          if (bytesRead === 0) break
          offset += bytesRead
          rest = rest.length === 0 ? chunk.subarray(0, bytesRead) : Buffer.concat([rest, chunk.subarray(0, bytesRead)])
          let at = 0
          for (let end = rest.indexOf(newline); end >= 0; end = rest.indexOf(newline, at)) {
            yield rest.subarray(at, end)
            at = end + 1
            if (of.signal.aborted) return
          }
          rest = rest.subarray(at)
          if (rest.length > mostLineBytes) rest = rest.subarray(rest.length - mostLineBytes)
        }
      }
      const next = await nextFile(of.path, file)
      if (next !== undefined) {
        // conmon opens the new file only when it writes no more to the old: one more look at the old is not needed
        // but for what came between our last read and its change.
        if (file !== undefined && (await hasMore(file, offset))) {
          await next.handle.close()
          continue
        }
        await file?.handle.close()
        file = next
        offset = 0
        rest = Buffer.alloc(0)
        continue
      }
      if (wasOver) return
      await awake.wait()
    }
  } finally {
    awake.close()
    await file?.handle.close()
  }
}

interface OpenFile {
  readonly handle: FileHandle
  readonly inode: number
}

const openIfThere = async (path: string): Promise<OpenFile | undefined> => {
  try {
    const handle = await open(path, 'r')
    return { handle, inode: (await handle.stat()).ino }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

const hasMore = async (file: OpenFile, offset: number): Promise<boolean> => (await file.handle.stat()).size > offset

/**
 * The file to read after `current`: the older half when we missed it, else the one now written; undefined: none yet.
 * The newest is looked at first: when it is not ours, ours was moved aside before, so that the older half is ours or
 * one after ours, never one before.
 */
const nextFile = async (path: string, current: OpenFile | undefined): Promise<OpenFile | undefined> => {
  const newest = await openIfThere(path)
  if (newest !== undefined && newest.inode === current?.inode) {
    await newest.handle.close()
    return undefined
  }
  const older = await openIfThere(`${path}.1`)
  if (older !== undefined && older.inode !== current?.inode) {
    await newest?.handle.close()
    return older
  }
  await older?.handle.close()
  return newest
}

/** Where to begin: the first byte of the oldest file, or that of the last `tailLines` lines of both. */
const startOf = async (
  path: string,
  tailLines: number | undefined,
): Promise<{ readonly file: OpenFile | undefined; readonly offset: number }> => {
  const older = await openIfThere(`${path}.1`)
  const newest = await openIfThere(path)
  if (tailLines === undefined) {
    if (older !== undefined) await newest?.handle.close()
    return { file: older ?? newest, offset: 0 }
  }
  const inNewest = newest === undefined ? { offset: 0, lines: 0 } : await tailOffset(newest.handle, tailLines)
  if (older === undefined || inNewest.lines >= tailLines) {
    await older?.handle.close()
    return { file: newest, offset: inNewest.offset }
  }
  await newest?.handle.close()
  return { file: older, offset: (await tailOffset(older.handle, tailLines - inNewest.lines)).offset }
}

/** The offset of the last `wanted` lines, and how many lines there are from it. */
const tailOffset = async (
  file: FileHandle,
  wanted: number,
): Promise<{ readonly offset: number; readonly lines: number }> => {
  const { size } = await file.stat()
  if (wanted <= 0) return { offset: size, lines: 0 }
  const chunk = Buffer.alloc(chunkBytes)
  let lines = 0
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - chunkBytes)
    await file.read(chunk, 0, end - start, start)
    for (let at = end - start - 1; at >= 0; at -= 1) {
      if (chunk[at] !== newline) continue
      // The newline that closes the last wanted line before ours.
      if (lines === wanted) return { offset: start + at + 1, lines }
      lines += 1
    }
    end = start
  }
  return { offset: 0, lines }
}

/** Something that is awake when the folder of the log changes, the container ends, or the reader is called off. */
const waker = (path: string, signal: AbortSignal, onEnd: (wake: () => void) => () => void) => {
  let isDue = false
  let wakeUp: () => void = () => undefined
  const wake = (): void => {
    isDue = true
    wakeUp()
  }
  const watcher = watch(dirname(path), wake)
  watcher.on('error', wake)
  const stop = onEnd(wake)
  signal.addEventListener('abort', wake)
  return {
    arm() {
      isDue = false
    },
    async wait() {
      if (isDue || signal.aborted) return
      await new Promise<void>(resolve => {
        wakeUp = resolve
      })
    },
    close() {
      watcher.close()
      stop()
      signal.removeEventListener('abort', wake)
    },
  }
}
