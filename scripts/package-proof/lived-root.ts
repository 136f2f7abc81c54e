import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/*
 *   a Debian root, never written ──overlay──> this one, in memory, in name spaces of its own
 *
 * When its first process ends, everything in it has ended and every mount is gone.
 */

export interface Ran {
  readonly status: number | null
  /** Standard output and error. */
  readonly text: string
}

export interface LivedRoot {
  /** Where its files are seen by `outside`. */
  readonly folder: string
  run(words: readonly string[], env?: { readonly [name: string]: string }): Ran
  /** A process that goes on; its output ends with it. */
  start(words: readonly string[], env?: { readonly [name: string]: string }): ChildProcess
  /** A program of this machine that sees the root's files in `folder`, for what the root lacks. */
  outside(words: readonly string[]): ChildProcess
  copyIn(from: string, to: string): void
  /** Ends everything within. */
  close(): Promise<void>
}

const world = `
set -e
mount -t tmpfs none "$2"
mkdir "$2/up" "$2/work" "$2/m"
mount -t overlay -o "lowerdir=$1,upperdir=$2/up,workdir=$2/work" none "$2/m"
mount -t proc proc "$2/m/proc"
mount -t tmpfs none "$2/m/run"
mount -t tmpfs none "$2/m/dev"
mkdir "$2/m/dev/pts" "$2/m/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 none "$2/m/dev/pts"
ln -s pts/ptmx "$2/m/dev/ptmx"
for one in null zero full random urandom tty; do touch "$2/m/dev/$one"; mount --bind "/dev/$one" "$2/m/dev/$one"; done
echo made
# Until who made it lets go, however that ends.
exec cat > /dev/null
`

const basis = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', LC_ALL: 'C.UTF-8' }

/**
 * Opens a root for use. What happens in it stays in memory and leaves the machine as it was, but for the network, which
 * it shares.
 *
 * @example const root = await livedRoot(debianRoot(place)); root.run(['dpkg', '-i', '/a.deb']); await root.close()
 */
export const livedRoot = async (lower: string): Promise<LivedRoot> => {
  // Short: paths of sockets lie below it.
  const place = mkdtempSync(join(tmpdir(), 'dp-'))
  const holder = spawn(
    'unshare',
    [
      ...['--mount', '--propagation', 'private', '--pid', '--ipc', '--uts', '--fork', '--kill-child'],
      ...['sh', '-c', world, 'sh', lower, place],
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const ended = once(holder, 'exit')
  await Promise.race([once(holder.stdout, 'data'), ended])
  if (holder.exitCode !== null) throw new Error('the root could not be mounted: its words are above')
  const first = readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8').trim()
  const folder = join(place, 'm')
  const enter = ['--target', first, '--mount', '--pid', '--ipc', '--uts', '--wd=/']
  const within = (words: readonly string[]): readonly string[] => [...enter, 'chroot', folder, ...words]
  return {
    folder,
    run(words, env = {}) {
      const done = spawnSync('nsenter', within(words), {
        encoding: 'utf8',
        env: { ...basis, DEBIAN_FRONTEND: 'noninteractive', ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
        maxBuffer: 64 * 1024 * 1024,
      })
      return { status: done.status, text: `${done.stdout}${done.stderr}` }
    },
    start: (words, env = {}) =>
      spawn('nsenter', [...within(words)], { env: { ...basis, ...env }, stdio: ['ignore', 'pipe', 'pipe'] }),
    outside: words => spawn('nsenter', [...enter, ...words], { stdio: ['ignore', 'pipe', 'inherit'] }),
    copyIn(from, to) {
      execFileSync('nsenter', [...enter, 'cp', from, join(folder, to)])
    },
    async close() {
      holder.kill('SIGKILL')
      await ended
      mkdirSync(place, { recursive: true })
      rmSync(place, { recursive: true, force: true })
    },
  }
}
