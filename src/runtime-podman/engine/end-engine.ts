import { readdir, readFile } from 'node:fs/promises'
import { mountsNow, unmountAll } from '../sandbox/mounts.ts'
import type { EngineStore } from '../settings.ts'

const endTimeoutMs = 5_000

/**
 * Ends the services of our stores, where they run, and takes the engine's mounts below `folders` away. Containers must
 * be gone before. What lies on the disk stays: images, and what was found out about this machine.
 */
export const endEngine = async (stores: readonly EngineStore[], folders: readonly string[]): Promise<void> => {
  const sockets = new Set(stores.map(store => `unix://${store.socket}`))
  const pids = await servicesOn(sockets)
  for (const pid of pids) signal(pid, 'SIGTERM')
  for (let waitedMs = 0; waitedMs < endTimeoutMs && pids.some(isAlive); waitedMs += 20)
    await new Promise(resolve => setTimeout(resolve, 20))
  for (const pid of pids) if (isAlive(pid)) signal(pid, 'SIGKILL')
  const points = [...(await mountsNow()).keys()].filter(point =>
    folders.some(folder => point === folder || point.startsWith(`${folder}/`)),
  )
  for (const point of points.toReversed()) await unmountAll(point)
}

/** Processes whose command line names one of the sockets: the socket's path is ours alone. */
const servicesOn = async (sockets: ReadonlySet<string>): Promise<readonly number[]> => {
  const found: number[] = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const words = await readFile(`/proc/${name}/cmdline`, 'utf8').catch((error: NodeJS.ErrnoException) => {
      // It ended while we looked.
      if (error.code === 'ENOENT' || error.code === 'ESRCH') return ''
      throw error
    })
    if (words.split('\0').some(word => sockets.has(word))) found.push(Number(name))
  }
  return found
}

const isAlive = (pid: number): boolean => signal(pid, 0)

/** Whether the process was there to take it. */
const signal = (pid: number, name: NodeJS.Signals | 0): boolean => {
  try {
    process.kill(pid, name)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}
