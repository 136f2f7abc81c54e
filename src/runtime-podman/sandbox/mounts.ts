import { mkdir, readFile } from 'node:fs/promises'
import { mustRun, runProgram } from '../run-program.ts'

/** What is mounted in our mount namespace: mount point -> file system type and root, newest last. */
export const mountsNow = async (): Promise<ReadonlyMap<string, { readonly type: string; readonly root: string }>> => {
  const mounts = new Map<string, { type: string; root: string }>()
  // proc(5), mountinfo: id parent major:minor root point options fields - type source superoptions
  for (const line of (await readFile('/proc/self/mountinfo', 'utf8')).split('\n')) {
    const [before, after] = line.split(' - ')
    const words = before?.split(' ') ?? []
    const point = words[4]
    if (point === undefined || after === undefined) continue
    mounts.set(unescaped(point), { type: after.split(' ')[0] ?? '', root: unescaped(words[3] ?? '') })
  }
  return mounts
}

/** Mounts a tmpfs of at most `bytes` there, unless one is there. */
export const mountTmpfs = async (path: string, bytes: number, options = 'mode=0711'): Promise<void> => {
  if ((await mountsNow()).get(path)?.type === 'tmpfs') return
  await mkdir(path, { recursive: true, mode: 0o711 })
  await mustRun(['mount', '-t', 'tmpfs', '-o', `size=${bytes},nosuid,nodev,${options}`, 'dunlin', path])
}

/** Unmounts whatever is on that path, however often, at once and lazily. Not mounted is fine. */
export const unmountAll = async (path: string): Promise<void> => {
  for (let tries = 0; tries < 8; tries += 1) {
    const result = await runProgram(['umount', '--lazy', '--no-canonicalize', path])
    if (result.code !== 0) return
  }
}

/** mountinfo writes blanks, tabs, newlines and backslashes as octal. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
