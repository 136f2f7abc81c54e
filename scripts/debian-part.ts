import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { Fault } from '../src/api/fault.ts'

/**
 * A program out of a Debian package that is fetched and unpacked into the user's cache, beside the system: for packages that
 * would start a service, or would take the place of another. Fetched once.
 *
 * @throws Fault Machine where it cannot be had
 * @example debianPart('docker-registry', 'usr/bin/docker-registry')
 */
export const debianPart = (name: string, path: string): string => {
  const root = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'dunlin')
  const program = join(root, name, path)
  if (existsSync(program)) return program
  mkdirSync(root, { recursive: true })
  const work = mkdtempSync(join(root, `${name}-`))
  try {
    download(name, work)
    const deb = readdirSync(work).find(file => file.endsWith('.deb')) ?? ''
    execFileSync('dpkg-deb', ['-x', deb, 'tree'], { cwd: work })
    rmSync(join(root, name), { recursive: true, force: true })
    renameSync(join(work, 'tree'), join(root, name))
    return program
  } catch (error) {
    throw new Fault(
      'Machine',
      `Debian's package ${name} could not be fetched: check the network and apt's sources`,
      { name },
      error,
    )
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** A machine that has never asked has no lists of packages yet. */
const download = (name: string, folder: string): void => {
  const words = ['download', name]
  try {
    execFileSync('apt-get', words, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  } catch {
    execFileSync('apt-get', ['update'], { stdio: ['ignore', 'ignore', 'pipe'] })
    execFileSync('apt-get', words, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  }
}

/** Busybox linked to the C library, for images in which names are looked up as everybody does. */
export const dynamicBusybox = (): string => debianPart('busybox', 'bin/busybox')

export const registryProgram = (): string => debianPart('docker-registry', 'usr/bin/docker-registry')

/** Beside the system: its package would start a service. */
export const sshServer = (): string => debianPart('openssh-server', 'usr/sbin/sshd')

// As a program: fetches all, so that tests in worlds without a network find them.
if (import.meta.main) {
  dynamicBusybox()
  registryProgram()
  sshServer()
}
