import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { Fault } from '../../src/api/fault.ts'

const folder = '/proc/sys/fs/binfmt_misc'
const entry = `${folder}/qemu-aarch64`
const recipe = '/usr/lib/binfmt.d/qemu-aarch64.conf'

/**
 * Runs `work` while this machine runs programs of arm64, through QEMU's user emulation: the scripts of packages are such.
 * What was registered for it is taken back at the end; what was there before stays.
 *
 * @throws Fault Machine where the kernel does not allow it, or qemu-user-static is not installed
 * @example await withArmPrograms(async () => buildRoot(…))
 */
export const withArmPrograms = async <T>(work: () => Promise<T>): Promise<T> => {
  if (existsSync(entry)) return await work()
  if (!existsSync(`${folder}/register`)) spawnSync('mount', ['-t', 'binfmt_misc', 'none', folder])
  try {
    // O: opened at once, so that it is found inside other roots; F keeps it open. C, P: as Debian registers it.
    writeFileSync(
      `${folder}/register`,
      readFileSync(recipe, 'utf8')
        .trim()
        .replace(/:[^:]*$/, ':OCPF'),
    )
  } catch (error) {
    throw new Fault(
      'Machine',
      `this machine cannot be taught to run programs of arm64 (${folder}): root is needed, and Debian's package qemu-user-static`,
      { recipe },
      error,
    )
  }
  try {
    return await work()
  } finally {
    writeFileSync(entry, '-1')
  }
}
