import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, chown, lstat, mkdir, open, readdir, readlink, realpath, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { Fault } from '../../api/fault.ts'
import type { Pod } from '../../api/types.ts'
import type { Facts } from '../../core/pods/facts.ts'
import type { HostPathType, VolumePlan, VolumesPlan } from '../../core/pods/volumes.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'
import { readIfThere, replaceLink as replaceLinkTo, writeInPlace } from '../../lib/durable-file.ts'

/** The volumes of pods on this node. What comes from ConfigMaps and Secrets lies on the tmpfs and never touches flash. */
export interface Volumes {
  /** Whether what is there is what is planned. */
  look(uid: string, plan: VolumesPlan): Promise<Facts['volumes']>
  /** Makes them, or brings their content up to date. Idempotent. @throws Fault naming the volume */
  prepare(pod: Pod, plan: VolumesPlan): Promise<void>
  /** Where a volume is. */
  path(uid: string, plan: VolumePlan): string
  /** Makes `path` below `root`, a folder where nothing is, and gives its real place. @throws Fault when it leads outside */
  subPath(root: string, path: string): Promise<string>
  remove(uid: string): Promise<void>
  /** Pods that have volumes here. */
  uids(): Promise<readonly string[]>
}

const run = promisify(execFile)

/**
 * @example const volumes = podVolumes({ stateFolder: '/var/lib/dunlin/agent', runFolder: '/run/dunlin' })
 */
export const podVolumes = (of: { readonly stateFolder: string; readonly runFolder: string }): Volumes => {
  const diskRoot = join(of.stateFolder, 'volumes')
  const memoryRoot = join(of.runFolder, 'volumes')
  /** uid -> digest of the content that is there; one entry a pod. */
  const made = new Map<string, string>()

  const rootOf = (plan: VolumePlan): string =>
    plan.type === 'emptyDir' && plan.medium === 'disk' ? diskRoot : memoryRoot

  const path = (uid: string, plan: VolumePlan): string =>
    plan.type === 'hostPath' ? plan.path : join(rootOf(plan), uid, plan.name)

  return {
    path,
    async look(uid, plan) {
      if ('volumes' in plan && plan.volumes.length === 0)
        return (await isThere(join(memoryRoot, uid))) ? 'ready' : 'absent'
      const known = made.get(uid) ?? (await readIfThere(join(memoryRoot, uid, '.digest')))?.toString()
      // After a reboot what lay on the tmpfs is gone, and what lies on the disk is kept.
      if (known === undefined) return (await isThere(join(diskRoot, uid))) ? 'stale' : 'absent'
      made.set(uid, known)
      return 'missing' in plan || known !== digestOf(plan) ? 'stale' : 'ready'
    },
    async prepare(pod, plan) {
      if ('missing' in plan) throw new Fault('NotFound', plan.missing)
      const uid = pod.metadata.uid ?? ''
      const group = pod.spec?.securityContext?.fsGroup
      await mkdir(join(memoryRoot, uid), { recursive: true, mode: 0o755 })
      for (const volume of plan.volumes) {
        const target = path(uid, volume)
        if (volume.type === 'hostPath') await checkHostPath(volume.path, volume.check)
        else if (volume.type === 'emptyDir') await makeEmptyDir(target, volume, group)
        else await writeFiles(target, volume, group)
      }
      const digest = digestOf(plan)
      await writeInPlace(join(memoryRoot, uid, '.digest'), digest)
      made.set(uid, digest)
    },
    subPath: (root, inner) => makeSubPath(root, inner),
    async remove(uid) {
      made.delete(uid)
      for (const root of [memoryRoot, diskRoot]) {
        const folder = join(root, uid)
        for (const name of await namesIn(folder)) await unmountIfMounted(join(folder, name))
        await rm(folder, { recursive: true, force: true })
      }
    },
    async uids() {
      return [...new Set([...(await namesIn(memoryRoot)), ...(await namesIn(diskRoot))])]
    },
  }
}

const digestOf = (plan: VolumesPlan): string => createHash('sha256').update(canonicalJson(plan)).digest('hex')

const isThere = async (path: string): Promise<boolean> => (await statOf(path)) !== undefined

const statOf = async (path: string) => {
  try {
    return await stat(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

const namesIn = async (folder: string): Promise<readonly string[]> => {
  try {
    return await readdir(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

const makeEmptyDir = async (
  target: string,
  plan: VolumePlan & { readonly type: 'emptyDir' },
  group: number | undefined,
): Promise<void> => {
  await mkdir(target, { recursive: true })
  if (plan.medium === 'memory' && !(await isMountPoint(target))) {
    const options = ['mode=0777', ...(plan.bytes === undefined ? [] : [`size=${plan.bytes}`])]
    await run('mount', ['-t', 'tmpfs', '-o', options.join(','), 'tmpfs', target])
  }
  // k8s: an emptyDir is open to every user of the pod; with fsGroup it belongs to that group, and so do new files.
  await chmod(target, group === undefined ? 0o777 : 0o2777)
  if (group !== undefined) await chown(target, process.getuid?.() ?? 0, group)
}

const isMountPoint = async (path: string): Promise<boolean> => {
  const [own, above] = [await lstat(path), await lstat(dirname(path))]
  return own.dev !== above.dev
}

const unmountIfMounted = async (path: string): Promise<void> => {
  const entry = await lstat(path)
  if (entry.isDirectory() && (await isMountPoint(path))) await run('umount', [path])
}

/**
 * k8s: AtomicWriter. The files lie in a folder of their own, `..data` points to it, and each visible name points
 * through `..data`: a container sees the old files or the new, never a mixture.
 */
const writeFiles = async (
  target: string,
  plan: VolumePlan & { readonly type: 'files' },
  group: number | undefined,
): Promise<void> => {
  await mkdir(target, { recursive: true, mode: 0o755 })
  const before = await linkOf(join(target, '..data'))
  const version = `..${createHash('sha256').update(canonicalJson(plan.files)).digest('hex').slice(0, 20)}`
  if (before === version) return
  await rm(join(target, version), { recursive: true, force: true })
  await mkdir(join(target, version), { mode: 0o755 })
  for (const file of plan.files) {
    const path = join(target, version, file.path)
    await mkdir(dirname(path), { recursive: true, mode: 0o755 })
    await writeInPlace(path, Buffer.from(file.content, file.encoding), file.mode)
    await chmod(path, group === undefined ? file.mode : file.mode | 0o040)
    if (group !== undefined) await chown(path, process.getuid?.() ?? 0, group)
  }
  await replaceLink(version, join(target, '..data'))
  const visible = new Set(plan.files.map(file => file.path.split('/')[0] ?? ''))
  for (const name of visible) await replaceLink(`..data/${name}`, join(target, name))
  for (const name of await readdir(target)) {
    if (name === '..data' || name === version || visible.has(name)) continue
    await rm(join(target, name), { recursive: true, force: true })
  }
}

const linkOf = async (path: string): Promise<string | undefined> => {
  try {
    return await readlink(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

const replaceLink = async (to: string, path: string): Promise<void> => {
  if ((await linkOf(path)) === to) return
  await replaceLinkTo(to, path, join(dirname(path), '..new'))
}

const checks: { readonly [type in Exclude<HostPathType, '' | 'DirectoryOrCreate' | 'FileOrCreate'>]: string } = {
  Directory: 'isDirectory',
  File: 'isFile',
  Socket: 'isSocket',
  CharDevice: 'isCharacterDevice',
  BlockDevice: 'isBlockDevice',
}

const checkHostPath = async (path: string, check: HostPathType): Promise<void> => {
  const there = await statOf(path)
  if (check === 'DirectoryOrCreate' && there === undefined) {
    await mkdir(path, { recursive: true, mode: 0o755 })
    return
  }
  if (check === 'FileOrCreate' && there === undefined) {
    await (await open(path, constants.O_CREAT | constants.O_WRONLY, 0o644)).close()
    return
  }
  if (check === '') {
    // The container engine makes no missing source; Kubernetes leaves it to the runtime, which made a folder.
    if (there === undefined) await mkdir(path, { recursive: true, mode: 0o755 })
    return
  }
  const wanted = check === 'DirectoryOrCreate' ? 'Directory' : check === 'FileOrCreate' ? 'File' : check
  const is = {
    isDirectory: there?.isDirectory(),
    isFile: there?.isFile(),
    isSocket: there?.isSocket(),
    isCharacterDevice: there?.isCharacterDevice(),
    isBlockDevice: there?.isBlockDevice(),
  }
  if (Object.entries(is).some(([name, yes]) => name === checks[wanted] && yes === true)) return
  const found = there === undefined ? 'not there' : 'of another kind'
  throw new Fault('Invalid', `hostPath type check failed: ${path} is ${found}, but must be a ${wanted}`, { path })
}

const makeSubPath = async (root: string, inner: string): Promise<string> => {
  const realRoot = await realpath(root)
  let at = realRoot
  for (const part of inner.split('/').filter(one => one !== '' && one !== '.')) {
    const next = join(at, part)
    if (!(await isThere(next))) await mkdir(next, { mode: 0o755 })
    at = await realpath(next)
    // A link that a container made must not lead out of its volume.
    if (at !== realRoot && !at.startsWith(`${realRoot}/`))
      throw new Fault('Forbidden', `subPath "${inner}" leads out of its volume, to ${at}`, { root, inner })
  }
  return at
}
