import { statfs } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import type { MachineReading } from '../../core/nodes/machine.ts'
import { type BoardPaths, findBoard, readBoard } from './read-board.ts'
import { textOf } from './text-of.ts'

const numberIn = (text: string | undefined): number | undefined => {
  const found = text === undefined ? Number.NaN : Number(text.trim())
  return Number.isFinite(found) ? found : undefined
}

/**
 * One look at the machine, from /proc, /sys and statfs: no process is started. Some 0.3 ms.
 * `root` is put before the paths of /proc and /sys; tests give a folder of their own. Without `board` the places of
 * what the board says are looked for each time.
 *
 * @example const { memory } = await readMachine({ stateFolder: '/var/lib/dunlin/agent' })
 */
export const readMachine = async (of: {
  readonly stateFolder: string
  readonly root?: string
  readonly board?: BoardPaths
}): Promise<MachineReading> => {
  const at = (path: string): Promise<string | undefined> => textOf(`${of.root ?? ''}${path}`)
  const [meminfo, loadavg, pidMax, threadsMax, heat, stat, uptime, network, cgroups, controllers, board] =
    await Promise.all([
      at('/proc/meminfo'),
      at('/proc/loadavg'),
      at('/proc/sys/kernel/pid_max'),
      at('/proc/sys/kernel/threads-max'),
      at('/sys/class/thermal/thermal_zone0/temp'),
      at('/proc/stat'),
      at('/proc/uptime'),
      at('/proc/net/dev'),
      at('/proc/cgroups'),
      at('/sys/fs/cgroup/cgroup.controllers'),
      of.board === undefined ? findBoard(of.root).then(readBoard) : readBoard(of.board),
    ])
  const disk = await statfs(of.stateFolder)
  const kibibytes = (name: string): number =>
    (numberIn(new RegExp(`^${name}:\\s*(\\d+) kB`, 'm').exec(meminfo ?? '')?.[1]) ?? 0) * 1024
  const milliCelsius = numberIn(heat)
  return {
    memory: { totalBytes: kibibytes('MemTotal'), availableBytes: kibibytes('MemAvailable') },
    cpus: availableParallelism(),
    disk: {
      totalBytes: disk.blocks * disk.bsize,
      availableBytes: disk.bavail * disk.bsize,
      inodes: disk.files,
      freeInodes: disk.ffree,
    },
    pids: {
      most: Math.min(numberIn(pidMax) ?? 32_768, numberIn(threadsMax) ?? Number.POSITIVE_INFINITY),
      inUse: numberIn(/\/(\d+) /.exec(loadavg ?? '')?.[1]) ?? 0,
    },
    ...(milliCelsius === undefined ? {} : { temperatureCelsius: Math.round(milliCelsius / 100) / 10 }),
    ...board,
    hasMemoryCgroup: /(^|\s)memory(\s|$)/.test(controllers ?? '') || /^memory\s+\d+\s+\d+\s+1$/m.test(cgroups ?? ''),
    cpuNanos: busyNanos(stat ?? ''),
    uptimeSeconds: Number.parseFloat(uptime ?? '0'),
    network: trafficOf(network ?? ''),
  }
}

/** user, nice, system, irq, softirq and steal, in ticks of 10 ms. */
const busyNanos = (stat: string): number => {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (stat.split('\n')[0] ?? '')
    .split(/\s+/)
    .map(Number)
  return (user + nice + system + irq + softirq + steal) * 10_000_000
}

/** Text of /proc/net/dev as bytes of the interfaces that lead out: not the loopback, and none of ours or another engine's. */
export const trafficOf = (dev: string): MachineReading['network'] => {
  let receivedBytes = 0
  let sentBytes = 0
  for (const line of dev.split('\n').slice(2)) {
    const [name = '', ...words] = line.trim().split(/[:\s]+/)
    if (name === '' || isInner(name)) continue
    receivedBytes += Number(words[0] ?? 0)
    sentBytes += Number(words[8] ?? 0)
  }
  return { receivedBytes, sentBytes }
}

/** Interfaces that are not the machine's own way out. */
export const isInner = (name: string): boolean =>
  /^(lo$|dunlin|dl[0-9a-f]{12}$|veth|docker|cni|podman|br-|virbr|tap|wg)/.test(name)
