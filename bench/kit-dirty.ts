import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'

/** Who makes pages of files dirty, by the kernel's own trace. A page is written to its disk soon after. */
export interface DirtyTrace {
  /** Bytes by program since the last call, for one block device, e.g. `7:0`. */
  taken(device: string): ReadonlyMap<string, number>
  close(): void
}

const pageBytes = 4096
const mount = '/sys/kernel/tracing'

/**
 * Begins to trace the devices; undefined where this kernel or this container gives no tracefs. Inside a world of its own only.
 *
 * @example const trace = traceDirty(['7:0']); … trace?.taken('7:0').get('podman')
 */
export const traceDirty = (devices: readonly string[]): DirtyTrace | undefined => {
  const instance = `${mount}/instances/dunlin-${process.pid}-${Date.now() % 100_000}`
  try {
    execFileSync('mount', ['-t', 'tracefs', 'tracefs', mount], { stdio: 'ignore' })
    mkdirSync(instance)
    writeFileSync(`${instance}/buffer_size_kb`, '8192')
    const event = `${instance}/events/writeback/writeback_dirty_folio`
    writeFileSync(`${event}/filter`, devices.map(device => `name == "${device}"`).join(' || '))
    writeFileSync(`${event}/enable`, '1')
  } catch {
    return undefined // The bytes are then known by disk, and not by program.
  }
  let taken = new Map<string, Map<string, number>>()
  const read = (): void => {
    const text = readFileSync(`${instance}/trace`, 'utf8')
    writeFileSync(`${instance}/trace`, '')
    for (const [, program = '', device = ''] of text.matchAll(
      /^ *(.+)-\d+ +\[.*writeback_dirty_folio: bdi (\d+:\d+):/gm,
    )) {
      const programs = taken.get(device) ?? new Map<string, number>()
      programs.set(nameOf(program), (programs.get(nameOf(program)) ?? 0) + pageBytes)
      taken.set(device, programs)
    }
  }
  return {
    taken(device) {
      read()
      const found = taken.get(device) ?? new Map<string, number>()
      taken = new Map([...taken].filter(([name]) => name !== device))
      return found
    },
    close() {
      writeFileSync(`${instance}/events/enable`, '0')
      rmdirSync(instance)
    },
  }
}

/** Threads by the program that they are of. */
const nameOf = (thread: string): string => {
  if (/^(MainThread|libuv-worker|node|own-node|V8Worker|DelayedTaskSche)/.test(thread)) return 'agent'
  if (/^(runc|crun|memfd:|exe$)/.test(thread)) return 'OCI runtime'
  if (/^kworker|^jbd2/.test(thread)) return 'kernel'
  return thread
}
