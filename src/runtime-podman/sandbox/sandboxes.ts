import { mkdir, readFile, rm } from 'node:fs/promises'
import { Fault } from '../../api/fault.ts'
import type { Sandbox, SandboxFiles, SandboxSpec } from '../../core/pods/runtime.ts'
import { replaceFile, writeInPlace } from '../../lib/durable-file.ts'
import { runProgram } from '../run-program.ts'
import { mountsNow, mountTmpfs, unmountAll } from './mounts.ts'
import { sysctlWrites } from './sysctls.ts'

/*
 *   /run/dunlin/pods/<uid>/
 *     net ipc uts        namespaces, each bound to a file (pid too, where it is shared)
 *     shm                the tmpfs that every container has at /dev/shm
 *     hosts resolv.conf hostname
 *     c/<container>-<attempt>/   what one container needs (termination message, start error)
 *     sandbox.json       written last: when it is there, the rest was made
 */

export interface Sandboxes {
  /** All that are there, whole or not, by uid. */
  list(): Promise<ReadonlyMap<string, KnownSandbox>>
  find(uid: string): Promise<KnownSandbox | undefined>
  make(spec: SandboxSpec): Promise<Sandbox>
  writeFiles(uid: string, files: SandboxFiles): Promise<void>
  remove(uid: string): Promise<void>
  /** The folder of a pod. */
  folder(uid: string): string
}

export interface KnownSandbox {
  readonly spec: SandboxSpec
  readonly isWhole: boolean
  readonly sandbox: Sandbox
}

/** Kubernetes' and containerd's own size of a pod's /dev/shm. */
const defaultShmBytes = 64 * 1024 * 1024

/** All words of data come as arguments: "$1" the host name, then pairs of file and value. */
const insideScript =
  'ip link set lo up && printf %s "$1" > /proc/sys/kernel/hostname && shift && while [ $# -gt 1 ]; do printf %s "$2" > "$1" || exit 1; shift 2; done'

/** The same where the network is the host's: no interface to raise. */
const insideHostNetworkScript = 'while [ $# -gt 1 ]; do printf %s "$2" > "$1" || exit 1; shift 2; done'

/**
 * The pods' namespaces, made by us and held by bind mounts, so that they outlive every container, the engine and
 * the agent. A `kill -9` at any point leaves either a whole sandbox or one without sandbox.json, which the next
 * `make` clears away first.
 *
 * @example await sandboxes({ podsFolder: '/run/dunlin/pods' }).make(spec)
 */
export const sandboxes = (of: {
  readonly podsFolder: string
  readonly list: () => Promise<readonly string[]>
}): Sandboxes => {
  const folder = (uid: string): string => `${of.podsFolder}/${safe(uid)}`

  const known = async (
    uid: string,
    mounts: Awaited<ReturnType<typeof mountsNow>>,
  ): Promise<KnownSandbox | undefined> => {
    const spec = await readSpec(`${folder(uid)}/sandbox.json`)
    if (spec === undefined) return undefined
    const isMounted = (name: string): boolean => mounts.has(`${folder(uid)}/${name}`)
    return { spec, sandbox: sandboxOf(spec), isWhole: partsOf(spec).every(isMounted) }
  }

  const sandboxOf = (spec: SandboxSpec): Sandbox => ({
    uid: spec.uid,
    ...(spec.hostNetwork ? {} : { netnsPath: `${folder(spec.uid)}/net` }),
  })

  const clear = async (uid: string): Promise<void> => {
    const path = folder(uid)
    await rm(`${path}/sandbox.json`, { force: true })
    const mounts = await mountsNow()
    for (const point of mounts.keys()) if (point.startsWith(`${path}/`)) await unmountAll(point)
    await rm(path, { recursive: true, force: true })
  }

  return {
    folder,
    async list() {
      const mounts = await mountsNow()
      const found = new Map<string, KnownSandbox>()
      for (const uid of await of.list()) {
        const one = await known(uid, mounts)
        if (one !== undefined) found.set(uid, one)
      }
      return found
    },
    async find(uid) {
      return await known(uid, await mountsNow())
    },
    async make(spec) {
      const before = await known(spec.uid, await mountsNow())
      if (before?.isWhole) return before.sandbox
      await clear(spec.uid)
      const path = folder(spec.uid)
      await mkdir(`${path}/c`, { recursive: true, mode: 0o711 })
      await writeInPlace(`${path}/hostname`, `${spec.hostname}\n`, 0o644)
      await writeInPlace(`${path}/hosts`, await hostFile('/etc/hosts'), 0o644)
      await writeInPlace(`${path}/resolv.conf`, await hostFile('/etc/resolv.conf'), 0o644)
      await makeNamespaces(spec, path)
      if (!spec.hostIPC) await mountTmpfs(`${path}/shm`, spec.shmBytes ?? defaultShmBytes, 'noexec,mode=1777')
      await replaceFile(`${path}/sandbox.json`, JSON.stringify(spec))
      return sandboxOf(spec)
    },
    async writeFiles(uid, files) {
      if ((await readSpec(`${folder(uid)}/sandbox.json`)) === undefined)
        throw new Fault('NotFound', `the sandbox of pod ${uid} is not there: make it first`, { uid })
      // In place: containers hold the same file by a bind mount.
      await writeInPlace(`${folder(uid)}/hosts`, files.hosts ?? (await hostFile('/etc/hosts')))
      await writeInPlace(`${folder(uid)}/resolv.conf`, files.resolvConf ?? (await hostFile('/etc/resolv.conf')))
    },
    remove: clear,
  }
}

/** The namespaces and mounts that make the sandbox whole. */
const partsOf = (spec: SandboxSpec): readonly string[] => [
  ...(spec.hostNetwork ? [] : ['net', 'uts']),
  ...(spec.hostIPC ? [] : ['ipc', 'shm']),
]

const makeNamespaces = async (spec: SandboxSpec, path: string): Promise<void> => {
  const names = partsOf(spec).filter(name => name !== 'shm')
  for (const name of names) await writeInPlace(`${path}/${name}`, '')
  const writes = sysctlWrites(spec).flatMap(write => [write.path, write.value])
  if (names.length === 0) return
  const flag: Record<string, string> = { net: '--net', ipc: '--ipc', uts: '--uts' }
  const words = [
    'unshare',
    ...names.map(name => `${flag[name]}=${path}/${name}`),
    ...['sh', '-c'],
    ...(spec.hostNetwork
      ? [insideHostNetworkScript, 'sandbox', ...writes]
      : [insideScript, 'sandbox', spec.hostname, ...writes]),
  ]
  const result = await runProgram(words)
  if (result.code === 0) return
  throw new Fault(
    'Machine',
    `the namespaces of pod ${spec.namespace}/${spec.name} could not be made: ${result.output.trim()}. The agent needs root (CAP_SYS_ADMIN) and the mount namespace of the host; rootless Podman is not supported`,
    { uid: spec.uid },
  )
}

const readSpec = async (path: string): Promise<SandboxSpec | undefined> => {
  try {
    // Written by us, whole, under a folder that only root may write.
    return JSON.parse(await readFile(path, 'utf8')) as SandboxSpec
  } catch {
    return undefined // Not there, or not finished.
  }
}

const hostFile = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8')
  } catch {
    return '' // A host without the file: an empty one.
  }
}

/** A pod's uid is part of paths: letters, digits, dots, dashes. */
const safe = (uid: string): string => {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(uid)) return uid
  throw new Fault('Invalid', `pod uid ${JSON.stringify(uid)} is not made of letters, digits, dots and dashes`, { uid })
}
