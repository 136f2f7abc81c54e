import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { readIfThere } from '../lib/durable-file.ts'

/** What the agent itself wrote, for those who ask: on a tmpfs, so that no line costs flash. */
export interface OwnLog {
  write(line: string): void
  /** Lines that are there, oldest first, with their line feeds. */
  lines(): Promise<readonly string[]>
  /** Called with each line from now on; the result ends it. */
  onLine(listener: (line: string) => void): () => void
}

/** Twice as much at most: the file and the one before it. */
const mostFileBytes = 256 * 1024

/**
 * A copy of the agent's log below its run folder, for devices without a journal. It outlives a restart of the agent, not
 * of the device. A line that cannot be kept is not: nothing of the agent waits for it.
 *
 * @example const own = ownLog({ path: '/run/dunlin/agent.log' }); own.write('{"level":"info"}\n')
 */
export const ownLog = (of: { readonly path: string; readonly mostFileBytes?: number }): OwnLog => {
  const most = of.mostFileBytes ?? mostFileBytes
  const listeners = new Set<(line: string) => void>()
  let size: number | undefined

  const keep = (line: string): void => {
    size ??= sizeOf(of.path)
    if (size > 0 && size + line.length > most) {
      renameSync(of.path, `${of.path}.1`)
      size = 0
    }
    appendFileSync(of.path, line, { mode: 0o600 })
    size += Buffer.byteLength(line)
  }

  return {
    write(line) {
      for (const listener of listeners) listener(line)
      try {
        keep(line)
      } catch {
        // A full tmpfs, or a folder that somebody removed: looked at again with the next line.
        size = undefined
      }
    },
    async lines() {
      const files = await Promise.all([readIfThere(`${of.path}.1`), readIfThere(of.path)])
      return files.flatMap(bytes => bytes?.toString('utf8').match(/[^\n]*\n/g) ?? [])
    },
    onLine(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

const sizeOf = (path: string): number => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
