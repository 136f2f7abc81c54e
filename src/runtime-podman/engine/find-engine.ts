import { existsSync } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { Fault } from '../../api/fault.ts'
import { replaceLink, writeDurably, writeInPlace } from '../../lib/durable-file.ts'
import { runProgram } from '../run-program.ts'
import { cardStore, type EngineStore, enginePaths, type PodmanSettings } from '../settings.ts'
import {
  containersConf,
  engineEnvironment,
  type FoundEngine,
  policyJson,
  registriesConf,
  storageConf,
} from './configuration.ts'
import type { MachineFacts } from './facts.ts'
import { pauseImage, pauseProgram } from './pause-image.ts'

/**
 * Finds an OCI runtime and a storage driver that truly run a container on this machine, by running one with
 * each until one works, and writes our configuration for it. What was found is remembered until the kernel or
 * a program changes, so a boot costs nothing.
 *
 * @throws Fault Machine with what each try said, where none works
 */
export const findEngine = async (settings: PodmanSettings, facts: MachineFacts): Promise<FoundEngine> => {
  const paths = enginePaths(settings)
  const podman = settings.engine.podman ?? 'podman'
  if (facts.programs[podman] === undefined)
    throw new Fault('Machine', `${podman} is not installed: install Debian's package podman (4.3 or later)`, { podman })
  await writeFixedFiles(settings)

  const before = await remembered(paths.found, facts.fingerprint)
  if (before !== undefined) {
    await configure(settings, facts, before)
    return before
  }

  const failures: string[] = []
  for (const driver of ['overlay', 'vfs']) {
    for (const ociRuntime of settings.engine.ociRuntimes ?? ['crun', 'runc']) {
      const ociRuntimePath = facts.programs[ociRuntime]
      if (ociRuntimePath === undefined) {
        failures.push(`${ociRuntime}: not installed`)
        continue
      }
      const found = { ociRuntime, ociRuntimePath, driver }
      await configure(settings, facts, found)
      const failure = await tryOut(settings, found)
      if (failure === undefined) {
        await writeDurably(paths.found, JSON.stringify({ ...found, fingerprint: facts.fingerprint }))
        settings.log.info('found an engine that works', { ...found })
        return found
      }
      failures.push(`${ociRuntime} on ${driver}: ${failure}`)
    }
  }
  throw new Fault(
    'Machine',
    `no container runs on this machine with any setting tried. ${failures.join('; ')}. Install runc or crun, and mend what they say`,
    { failures },
  )
}

/** Loads the pause image and runs it once; undefined when that worked, else what was said. */
const tryOut = async (settings: PodmanSettings, found: FoundEngine): Promise<string | undefined> => {
  const paths = enginePaths(settings)
  const store = cardStore(settings, found.driver)
  const podman = [settings.engine.podman ?? 'podman', '--log-level=error', '--tmpdir', store.tmpDir]
  const env = { ...engineEnvironment(store, paths, process.env) }
  const pause = pauseProgram()
  const archive = `${settings.runFolder}/engine/pause.tar`
  await writeInPlace(archive, pause.archive)
  const words = [
    [...podman, 'load', '--quiet', '--input', archive],
    // Each namespace and limit that pods will use; the container is gone after it.
    [
      ...podman,
      ...['run', '--rm', '--network=none', '--cgroup-parent', `${paths.cgroupParent}/trial`, '--pull=never'],
      ...[pauseImage, ...pause.trial],
    ],
  ]
  try {
    for (const command of words) {
      const result = await runProgram(command, { env, timeoutMs: 60_000 })
      if (result.code !== 0) return lastLine(result.output)
    }
    return undefined
  } finally {
    await rm(archive, { force: true })
  }
}

const lastLine = (output: string): string => output.trim().split('\n').at(-1)?.slice(0, 300) ?? ''

/** Writes the files that follow from what was found; a file that is right already is not touched. */
const configure = async (settings: PodmanSettings, facts: MachineFacts, found: FoundEngine): Promise<void> => {
  const paths = enginePaths(settings)
  const store = cardStore(settings, found.driver)
  await mkdir(store.graphRoot, { recursive: true, mode: 0o711 })
  await writeIfChanged(paths.containersConf, containersConf(found, facts, paths))
  await writeIfChanged(store.storageConf, storageConf(store, found.driver))
}

const writeFixedFiles = async (settings: PodmanSettings): Promise<void> => {
  const paths = enginePaths(settings)
  const containers = `${paths.home}/.config/containers`
  await mkdir(`${settings.runFolder}/engine`, { recursive: true, mode: 0o700 })
  await mkdir(paths.podsFolder, { recursive: true, mode: 0o711 })
  await mkdir(`${paths.home}/tmp`, { recursive: true, mode: 0o700 })
  await mkdir(containers, { recursive: true, mode: 0o700 })
  // containers-certs.d(5): the folder below the home is read before that of the system.
  const certs = `${containers}/certs.d`
  await rm(certs, { recursive: true, force: true })
  if (settings.engine.certsFolder !== undefined) await replaceLink(settings.engine.certsFolder, certs)
  await writeIfChanged(paths.registriesConf, registriesConf)
  await writeIfChanged(`${containers}/policy.json`, policyJson)
}

/** @returns whether it had to write */
export const writeIfChanged = async (path: string, text: string): Promise<boolean> => {
  if (existsSync(path) && (await readFile(path, 'utf8')) === text) return false
  await writeDurably(path, text)
  return true
}

const remembered = async (path: string, fingerprint: string): Promise<FoundEngine | undefined> => {
  try {
    const known: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (typeof known !== 'object' || known === null) return undefined
    const { ociRuntime, ociRuntimePath, driver, ...rest } = known as Record<string, unknown>
    if (rest['fingerprint'] !== fingerprint) return undefined
    if (typeof ociRuntime !== 'string' || typeof ociRuntimePath !== 'string' || typeof driver !== 'string')
      return undefined
    return { ociRuntime, ociRuntimePath, driver }
  } catch {
    return undefined // Missing or torn: it is found again by trying.
  }
}

/** The store in memory, its tmpfs mounted (once a boot) with its bound, its configuration written. */
export const prepareMemoryStore = async (
  settings: PodmanSettings,
  found: FoundEngine,
  store: EngineStore,
  mountTmpfs: (path: string, bytes: number) => Promise<void>,
  defaultBytes: number,
): Promise<void> => {
  await mountTmpfs(enginePaths(settings).memoryFolder, settings.engine.memoryStoreBytes ?? defaultBytes)
  await mkdir(store.graphRoot, { recursive: true, mode: 0o711 })
  await writeIfChanged(store.storageConf, storageConf(store, found.driver, cardStore(settings, found.driver)))
}
