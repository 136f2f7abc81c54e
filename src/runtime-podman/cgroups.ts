import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { processNow, signalProcess } from './processes.ts'

const root = '/sys/fs/cgroup'

/** A container's cgroup below each root: `/dunlin/podUID/libpod-ID`. */
export const cgroupOf = (parent: string, engineId: string): string => `${parent}/libpod-${engineId}`

export interface CgroupReading {
  readonly cpuNanos: number
  readonly memoryBytes: number
  readonly pids: number
  readonly diskReadBytes: number
  readonly diskWriteBytes: number
  readonly oomKills: number
}

const isV2 = existsSync(`${root}/cgroup.controllers`)

/** What the files of a cgroup say now, v1 or v2; undefined when it is gone. */
export const readCgroup = (path: string): CgroupReading | undefined => {
  try {
    return isV2 ? readV2(`${root}${path}`) : readV1(path)
  } catch {
    return undefined // The container has ended, and its cgroup with it.
  }
}

/** How often the kernel killed for want of memory in this cgroup; undefined when it is gone. */
export const oomKillsIn = (path: string): number | undefined => {
  try {
    // k8s reads the same: memory.events of v2, memory.oom_control of v1.
    const file = isV2 ? `${root}${path}/memory.events` : `${root}/memory${path}/memory.oom_control`
    return fieldOf(readFileSync(file, 'utf8'), 'oom_kill')
  } catch {
    return undefined // Gone.
  }
}

/** All processes in the cgroup now. */
export const processesIn = (path: string): readonly number[] => {
  try {
    const file = isV2 ? `${root}${path}/cgroup.procs` : `${root}/pids${path}/cgroup.procs`
    return readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number)
  } catch {
    return [] // Gone, so nothing is in it.
  }
}

/** Names of the cgroups right below this one, in any hierarchy. */
export const childrenOf = (path: string): readonly string[] => [
  ...new Set(
    hierarchies().flatMap(hierarchy => {
      try {
        return readdirSync(`${hierarchy}${path}`, { withFileTypes: true })
          .filter(entry => entry.isDirectory())
          .map(entry => entry.name)
      } catch {
        return [] // Not in this hierarchy.
      }
    }),
  ),
]

/** Removes an empty cgroup and empty ones below it from every hierarchy; one with processes in it stays. */
export const removeCgroup = (path: string): void => {
  for (const child of childrenOf(path)) removeCgroup(`${path}/${child}`)
  for (const hierarchy of hierarchies()) {
    try {
      rmdirSync(`${hierarchy}${path}`)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code !== 'ENOENT' && code !== 'EBUSY' && code !== 'ENOTEMPTY') throw error
    }
  }
}

/**
 * Kills what is left in the cgroups below one whose containers are gone: monitors of commands that were run in them,
 * which podman keeps for a while after the command has ended.
 */
export const endProcessesBelow = (path: string): void => {
  for (const child of childrenOf(path))
    for (const pid of processesIn(`${path}/${child}`)) {
      const one = processNow(pid)
      if (one !== undefined) signalProcess(one, 'SIGKILL')
    }
}

/** Tries and pause, ms, until a cgroup lets itself be removed: 3 s in all. */
const goneTries = 30
const gonePauseMs = 100

/**
 * As `removeCgroup`, again until it is gone: a process that has ended keeps its cgroup busy until the kernel has put it
 * away. One that stays longer is left to the next sweep. Resolves to whether it is gone.
 *
 * @param pause waits so many ms
 * @example await cgroupGone('/dunlin/pod1234', ms => new Promise(resolve => clock.after(ms, resolve)))
 */
export const cgroupGone = async (path: string, pause: (ms: number) => Promise<void>): Promise<boolean> => {
  for (let tries = 1; ; tries += 1) {
    removeCgroup(path)
    if (!hierarchies().some(hierarchy => existsSync(`${hierarchy}${path}`))) return true
    if (tries >= goneTries) return false
    await pause(gonePauseMs)
  }
}

const hierarchies = (): readonly string[] =>
  isV2
    ? [root]
    : readdirSync(root, { withFileTypes: true })
        .filter(entry => entry.isDirectory())
        .map(entry => `${root}/${entry.name}`)

const readV2 = (folder: string): CgroupReading => {
  const stat = readFileSync(`${folder}/memory.stat`, 'utf8')
  const io = linesOf(`${folder}/io.stat`)
  return {
    cpuNanos: fieldOf(readFileSync(`${folder}/cpu.stat`, 'utf8'), 'usage_usec') * 1000,
    memoryBytes: Math.max(0, numberIn(`${folder}/memory.current`) - fieldOf(stat, 'inactive_file')),
    pids: numberIn(`${folder}/pids.current`),
    diskReadBytes: sum(io.map(line => Number(/\brbytes=(\d+)/.exec(line)?.[1] ?? 0))),
    diskWriteBytes: sum(io.map(line => Number(/\bwbytes=(\d+)/.exec(line)?.[1] ?? 0))),
    oomKills: fieldOf(readFileSync(`${folder}/memory.events`, 'utf8'), 'oom_kill'),
  }
}

const readV1 = (path: string): CgroupReading => {
  const stat = readFileSync(`${root}/memory${path}/memory.stat`, 'utf8')
  const io = linesOf(`${root}/blkio${path}/blkio.throttle.io_service_bytes_recursive`)
  const bytes = (word: string): number =>
    sum(io.filter(line => line.includes(` ${word} `)).map(line => Number(line.split(' ')[2] ?? 0)))
  return {
    cpuNanos: numberIn(`${root}/cpuacct${path}/cpuacct.usage`),
    memoryBytes: Math.max(
      0,
      numberIn(`${root}/memory${path}/memory.usage_in_bytes`) - fieldOf(stat, 'total_inactive_file'),
    ),
    pids: numberIn(`${root}/pids${path}/pids.current`),
    diskReadBytes: bytes('Read'),
    diskWriteBytes: bytes('Write'),
    oomKills: fieldOf(readFileSync(`${root}/memory${path}/memory.oom_control`, 'utf8'), 'oom_kill'),
  }
}

const numberIn = (path: string): number => Number(readFileSync(path, 'utf8').trim())

const fieldOf = (text: string, name: string): number => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0)

const linesOf = (path: string): readonly string[] => (existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [])

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0)
