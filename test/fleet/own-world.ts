import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'

const mark = 'DUNLIN_TEST_WORLD'

export interface OwnWorld {
  /** A folder on disk that is gone after the test. */
  readonly folder: string
  /** The cgroup above all that this world makes; the hierarchy itself is the machine's. */
  readonly cgroupParent: string
}

/**
 * Runs the calling test file anew in namespaces of its own (network, mounts, processes, host name, IPC) with an own
 * /run and /dev/shm, and returns only there. What the test leaves behind ends with its init. Outside, the process
 * ends here with the inner one's exit code, so nothing may be imported from tap before.
 *
 * @example const world = ownWorld(import.meta.filename); const { default: t } = await import('tap')
 */
export const ownWorld = (file: string): OwnWorld => {
  const inside = process.env[mark]
  if (inside !== undefined) {
    must(['mount', '-t', 'tmpfs', 'tmpfs', '/run'])
    must(['mount', '-t', 'tmpfs', 'tmpfs', '/dev/shm'])
    // /sys shows the interfaces of whoever mounts it; the cgroups on it are carried over.
    must(['mkdir', '/run/cgroup'])
    must(['mount', '--rbind', '/sys/fs/cgroup', '/run/cgroup'])
    must(['mount', '-t', 'sysfs', 'sysfs', '/sys'])
    must(['mount', '--move', '/run/cgroup', '/sys/fs/cgroup'])
    must(['rmdir', '/run/cgroup'])
    must(['ip', 'link', 'set', 'lo', 'up'])
    return { folder: inside, cgroupParent: `/dunlin-${inside.split('/').at(-1)}` }
  }
  const folder = mkdtempSync('/tmp/dunlin-world-')
  const words = ['--net', '--mount', '--pid', '--uts', '--ipc', '--fork', '--kill-child', '--mount-proc']
  const command = [process.execPath, ...process.execArgv, file, ...process.argv.slice(2)]
  // PID 1 must reap, or a killed container never ends; a shell does.
  // Killed ourselves (a test that ran too long), the world ends with us.
  const ended = spawnSync(
    'setpriv',
    ['--pdeathsig', 'KILL', 'unshare', ...words, 'sh', '-c', '"$@" & wait $!', 'init', ...command],
    {
      stdio: 'inherit',
      env: { ...process.env, [mark]: folder },
    },
  )
  // Mounts inside went with the namespace; only files are left.
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  removeCgroups(`dunlin-${folder.split('/').at(-1)}`)
  process.exit(ended.status ?? 1)
}

/** Removes the empty cgroups of that name, deepest first, from every hierarchy. */
export const removeCgroups = (name: string): void => {
  spawnSync('find', ['/sys/fs/cgroup', '-depth', '-type', 'd', '-path', `*/${name}*`, '-exec', 'rmdir', '{}', ';'], {
    stdio: 'ignore',
  })
}

const must = (words: readonly string[]): void => {
  const [program = '', ...args] = words
  const ended = spawnSync(program, args, { encoding: 'utf8' })
  if (ended.status !== 0) throw new Error(`${words.join(' ')}: ${ended.stderr}${ended.error?.message ?? ''}`)
}
