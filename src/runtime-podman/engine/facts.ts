import { existsSync, readFileSync, statSync } from 'node:fs'
import { release } from 'node:os'

/** What this machine and this process may and may not do, as the kernel says. Read once. */
export interface MachineFacts {
  readonly hasSystemd: boolean
  readonly cgroups: 'v1' | 'v2'
  /** Whether processes may raise their limits: rlimits and negative OOM scores. */
  readonly hasSysResource: boolean
  readonly hasMemoryCgroup: boolean
  readonly hasSwapCgroup: boolean
  readonly hardLimits: { readonly files: number; readonly processes: number }
  readonly oomScoreAdj: number
  /** Where each program is; absent when it is not. */
  readonly programs: { readonly [name: string]: string }
  /** Changes when anything changes that decides which settings work. */
  readonly fingerprint: string
}

const searchPath = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** CAP_SYS_RESOURCE, capabilities(7). */
const sysResourceBit = 24n

export const readMachineFacts = (wanted: readonly string[]): MachineFacts => {
  const status = readFileSync('/proc/self/status', 'utf8')
  const capabilities = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`)
  const cgroups = existsSync('/sys/fs/cgroup/cgroup.controllers') ? 'v2' : 'v1'
  const limits = readFileSync('/proc/self/limits', 'utf8')
  const programs: Record<string, string> = {}
  for (const name of wanted) {
    const path = name.startsWith('/')
      ? [name].find(existsSync)
      : searchPath.map(folder => `${folder}/${name}`).find(existsSync)
    if (path !== undefined) programs[name] = path
  }
  const hasSysResource = ((capabilities >> sysResourceBit) & 1n) === 1n
  return {
    hasSystemd: existsSync('/run/systemd/system'),
    cgroups,
    hasSysResource,
    hasMemoryCgroup:
      cgroups === 'v1'
        ? existsSync('/sys/fs/cgroup/memory/memory.limit_in_bytes')
        : readFileSync('/sys/fs/cgroup/cgroup.controllers', 'utf8').split(/\s+/).includes('memory'),
    hasSwapCgroup: cgroups === 'v2' || existsSync('/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes'),
    hardLimits: {
      files: hardLimit(limits, 'Max open files'),
      // podman: it lowers its own limit to pid_max, and what it starts without CAP_SYS_RESOURCE cannot raise it again.
      processes: Math.min(hardLimit(limits, 'Max processes'), Number(readFileSync('/proc/sys/kernel/pid_max', 'utf8'))),
    },
    oomScoreAdj: Number(readFileSync('/proc/self/oom_score_adj', 'utf8')),
    programs,
    fingerprint: [
      release(),
      cgroups,
      hasSysResource,
      ...Object.values(programs).map(path => `${path}:${statSync(path).size}:${Math.round(statSync(path).mtimeMs)}`),
    ].join(' '),
  }
}

/** The hard limit, or Infinity. Lines of /proc/PID/limits: `Max open files  1024  20000  files`. */
const hardLimit = (limits: string, name: string): number => {
  const line = limits.split('\n').find(one => one.startsWith(name)) ?? ''
  const word = line.slice(name.length).trim().split(/\s+/)[1]
  return word === undefined || word === 'unlimited' ? Number.POSITIVE_INFINITY : Number(word)
}
