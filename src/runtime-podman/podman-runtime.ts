import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { constants } from 'node:os'
import { dirname } from 'node:path'
import { Fault } from '../api/fault.ts'
import type { ContainerRef, ContainerUsage, ObservedPod, PodRuntime } from '../core/pods/runtime.ts'
import { cgroupGone, endProcessesBelow, processesIn, readCgroup, removeCgroup } from './cgroups.ts'
import { type Containers, containersOf, inspectContainer, type KnownContainer } from './containers.ts'
import { endEngine } from './engine/end-engine.ts'
import { type Engine, openEngine } from './engine/open-engine.ts'
import { execInContainer } from './exec.ts'
import { type Exits, watchExits } from './exits.ts'
import { type Images, imagesOf } from './images.ts'
import { readLog } from './logs/read-log.ts'
import { engineName } from './names.ts'
import { processNow } from './processes.ts'
import { connectInside } from './sandbox/connect-inside.ts'
import { isPause, type Pause, pauseOf } from './sandbox/pause.ts'
import { type KnownSandbox, type Sandboxes, sandboxes } from './sandbox/sandboxes.ts'
import { cardStore, enginePaths, memoryStore, type PodmanSettings } from './settings.ts'
import { stopProcess } from './stop-container.ts'
import { sweepRests } from './sweep.ts'
import { startUpkeep, type Upkeep } from './upkeep.ts'

/** What there is once the engine was found. */
interface Open {
  readonly engine: Engine
  readonly containers: Containers
  readonly images: Images
  readonly exits: Exits
  readonly pause: Pause
  readonly upkeep: Upkeep
}

/**
 * Podman 4.3 to 5.x as the container runtime of a node. Opens itself on first use: finds settings that work,
 * starts the engine's service when something is asked and lets it leave when nothing is.
 *
 * @example const runtime = podmanRuntime({ engine: { stateFolder }, runFolder: '/run/dunlin', logFolder, storeMode: 'disk', clock, log })
 */
export const podmanRuntime = (settings: PodmanSettings): PodRuntime => {
  const paths = enginePaths(settings)
  const boxes: Sandboxes = sandboxes({
    podsFolder: paths.podsFolder,
    list: async () => (existsSync(paths.podsFolder) ? await readdir(paths.podsFolder) : []),
  })
  const wakers = new Set<(podUid: string) => void>()
  const inside = connectInside({ clock: settings.clock })
  let opened: Promise<Open> | undefined
  let isClosed = false

  const open = async (): Promise<Open> => {
    const engine = await openEngine(settings)
    const images = imagesOf(engine.images)
    const containers = containersOf({
      engine,
      sandboxes: boxes,
      images,
      logFolder: settings.logFolder,
      cgroupParent: paths.cgroupParent,
    })
    const exits = watchExits(engine.containerStore.tmpDir)
    const pause = pauseOf({ containers, images, sandboxes: boxes, runFolder: settings.runFolder })
    const upkeep = startUpkeep({
      engine,
      containers,
      exits,
      clock: settings.clock,
      log: settings.log,
      wake(uid) {
        for (const wake of wakers) wake(uid)
      },
    })
    return { engine, containers, images, exits, pause, upkeep }
  }

  /** The engine, opened once; a failure is forgotten, so that the next call tries anew. */
  const theEngine = async (): Promise<Open> => {
    if (isClosed) throw new Fault('Unavailable', 'the container runtime is closed')
    opened ??= open()
    try {
      return await opened
    } catch (error) {
      opened = undefined
      throw error
    }
  }

  const running = async (of: Open, id: ContainerRef): Promise<KnownContainer> => {
    const seen = [...of.containers.lastSeen.values()].find(
      one => one.observed.state === 'running' && engineName(one.listed) === engineName(id),
    )
    if (seen !== undefined && processNow(seen.observed.pid ?? 0) !== undefined) return seen
    const one = await of.containers.find(id)
    if (one === undefined) throw new Fault('NotFound', `container ${engineName(id)} is not there`, { ...id })
    if (one.observed.state !== 'running')
      throw new Fault('Conflict', `container ${engineName(id)} is ${one.observed.state}, not running`, { ...id })
    return one
  }

  const removeSandbox = async (uid: string): Promise<void> => {
    const { containers, pause } = await theEngine()
    const all = await containers.list(uid)
    const left = all.filter(one => !isPause(one))
    if (left.length > 0)
      throw new Fault('Conflict', `pod ${uid} still has ${left.length} containers: remove them before its sandbox`, {
        uid,
      })
    if (all.length > 0) await pause.remove(uid)
    await boxes.remove(uid)
    const cgroup = `${paths.cgroupParent}/pod${uid}`
    endProcessesBelow(cgroup)
    if (!(await cgroupGone(cgroup, ms => new Promise(resolve => settings.clock.after(ms, resolve)))))
      settings.log.warn('a cgroup stays busy and is left to the next sweep', { uid, cgroup })
    for (const name of existsSync(settings.logFolder) ? await readdir(settings.logFolder) : [])
      if (name.endsWith(`_${uid}`)) await rm(`${settings.logFolder}/${name}`, { recursive: true, force: true })
  }

  return {
    async describe() {
      const { engine } = await theEngine()
      const answer = await engine.containers.call({ path: '/_ping', doing: 'ask the engine for its version' })
      const version = answer.headers['libpod-api-version']
      if (typeof version !== 'string')
        throw new Fault(
          'Malformed',
          'what listens on the engine socket does not name its libpod version: it is not Podman',
        )
      return { name: 'podman', version, containerRuntimeVersion: `podman://${version}`, storeMode: settings.storeMode }
    },

    async observe() {
      const { containers } = await theEngine()
      return podsOf(await boxes.list(), await containers.list())
    },
    async observePod(uid) {
      const { containers } = await theEngine()
      const box = await boxes.find(uid)
      return podsOf(box === undefined ? new Map() : new Map([[uid, box]]), await containers.list(uid))[0]
    },

    async makeSandbox(sandbox) {
      const { pause } = await theEngine()
      const made = await boxes.make(sandbox)
      if (sandbox.shareProcessNamespace && !sandbox.hostPID) await pause.ensure(sandbox)
      return made
    },
    async writeSandboxFiles(uid, files) {
      await boxes.writeFiles(uid, files)
    },
    removeSandbox,

    async createContainer(container) {
      await (await theEngine()).containers.create(container)
    },
    async startContainer(id) {
      const { containers } = await theEngine()
      await containers.start(id)
    },
    async stopContainer(id, graceSeconds) {
      const { engine, containers } = await theEngine()
      const one = await containers.find(id)
      const process = one?.observed.pid === undefined ? undefined : processNow(one.observed.pid)
      if (one === undefined || process === undefined) return
      await stopProcess({
        process,
        cgroup: one.cgroup,
        signal: await stopSignalOf(engine, one.listed.engineId),
        graceSeconds,
        clock: settings.clock,
      })
      await untilRecorded(containers, id)
    },
    async removeContainer(id) {
      const { containers } = await theEngine()
      const one = await containers.find(id)
      await containers.remove(id)
      if (one === undefined) return
      const path = containers.logPath(one.listed)
      await rm(path, { force: true })
      await rm(`${path}.1`, { force: true })
      // With the last container, what is left of a broken sandbox goes too: nobody would name it again.
      const left = await containers.list(id.podUid)
      const box = await boxes.find(id.podUid)
      if (left.every(isPause) && box !== undefined && !isWholeBox(box, left)) await removeSandbox(id.podUid)
    },

    async image(reference) {
      return await (await theEngine()).images.inspect(reference)
    },
    async images() {
      return await (await theEngine()).images.list()
    },
    async pullImage(reference, credentials, signal) {
      return await (await theEngine()).images.pull(reference, credentials, signal)
    },
    async loadImage(archivePath) {
      return await (await theEngine()).images.load(archivePath)
    },
    async removeImage(id) {
      const { containers, images } = await theEngine()
      // The engine does not know: in `memory` mode it would take an image from under a running container.
      const user = (await containers.list()).find(one => one.listed.imageId === id)
      if (user !== undefined)
        throw new Fault('Conflict', `image ${id} is used by container ${engineName(user.listed)}`, { image: id })
      await images.remove(id)
    },

    async exec(id, command, timeoutMs) {
      const of = await theEngine()
      const one = await running(of, id)
      return await execInContainer({
        ociRuntimePath: of.engine.found.ociRuntimePath,
        engineId: one.listed.engineId,
        command,
        timeoutMs,
        runFolder: settings.runFolder,
      })
    },
    async openExec(id, request, signal) {
      const { engine, ...of } = await theEngine()
      const { listed, cgroup } = await running({ engine, ...of }, id)
      const { clock } = settings
      const cgroupProcesses = () => processesIn(cgroup)
      const { openExec } = await import('./streams/open-exec.ts')
      return await openExec({ engine, engineId: listed.engineId, request, cgroupProcesses, signal, clock })
    },
    async attach(id, options, signal) {
      const of = await theEngine()
      const { listed } = await running(of, id)
      const ended = async () => {
        await untilRecorded(of.containers, id)
        return (await of.containers.find(id))?.observed
      }
      const { attachTo } = await import('./streams/attach.ts')
      return await attachTo({ engine: of.engine, engineId: listed.engineId, options, ended, signal })
    },
    async copyOut(id, path, signal) {
      const of = await theEngine()
      const { listed } = await running(of, id)
      const { copyOutOf } = await import('./streams/archive.ts')
      return await copyOutOf({ engine: of.engine, engineId: listed.engineId, path, signal })
    },
    async copyIn(id, path, archive, signal) {
      const of = await theEngine()
      const { listed } = await running(of, id)
      const { copyInto } = await import('./streams/archive.ts')
      await copyInto({ engine: of.engine, engineId: listed.engineId, path, archive, signal })
    },
    async connect(podUid, port, signal) {
      const box = await boxes.find(podUid)
      if (box === undefined) throw new Fault('NotFound', `the sandbox of pod ${podUid} is not there`, { uid: podUid })
      return await inside.connect(box.sandbox.netnsPath ?? '/proc/self/ns/net', port, signal)
    },
    async *logs(id, options, signal) {
      const { containers, exits } = await theEngine()
      const one = await containers.find(id)
      if (one === undefined) throw new Fault('NotFound', `container ${engineName(id)} is not there`, { ...id })
      const path = containers.logPath(one.listed)
      if (!existsSync(dirname(path))) return
      yield* readLog({
        path,
        options,
        signal,
        isOver: async () => (await containers.find(id))?.observed.state !== 'running',
        onEnd: wake => exits.onEnd(engineId => (engineId === one.listed.engineId ? wake() : undefined)),
      })
    },
    async usage() {
      const { containers } = await theEngine()
      const readings: ContainerUsage[] = []
      for (const one of containers.lastSeen.values()) {
        const reading = one.observed.state === 'running' ? readCgroup(one.cgroup) : undefined
        const { podUid, container, attempt } = one.listed
        if (reading !== undefined) readings.push({ podUid, container, attempt, ...reading })
      }
      return readings
    },

    onExit(wake) {
      wakers.add(wake)
      return () => void wakers.delete(wake)
    },
    async sweep(keep) {
      const { engine, containers } = await theEngine()
      return await sweepRests({
        engine,
        containers,
        sandboxes: boxes,
        podsFolder: paths.podsFolder,
        logFolder: settings.logFolder,
        cgroupParent: paths.cgroupParent,
        keep,
      })
    },
    async takeDown() {
      const { engine } = await theEngine()
      await this.sweep(new Set())
      await this.close()
      await endEngine(
        [cardStore(settings, engine.found.driver), memoryStore(settings)],
        [settings.engine.stateFolder, settings.runFolder],
      )
      removeCgroup(paths.cgroupParent)
      for (const name of ['engine', 'pods', 'store'])
        await rm(`${settings.runFolder}/${name}`, { recursive: true, force: true })
    },
    async close() {
      isClosed = true
      wakers.clear()
      inside.close()
      if (opened === undefined) return
      try {
        const { engine, exits, upkeep } = await opened
        upkeep.close()
        exits.close()
        engine.close()
      } catch (error) {
        settings.log.debug('the engine was never open', { error })
      }
    },
  }
}

/** Whether all of the sandbox is there, its pause container included where it needs one. */
const isWholeBox = (box: KnownSandbox | undefined, all: readonly KnownContainer[]): box is KnownSandbox => {
  const needsPause = box?.spec.shareProcessNamespace === true && !box.spec.hostPID
  return box?.isWhole === true && (!needsPause || all.some(one => isPause(one) && one.observed.state === 'running'))
}

/** Pods with a container or a whole sandbox; what is left of a broken one is cleared by the next make or sweep. */
const podsOf = (
  boxes: ReadonlyMap<string, KnownSandbox>,
  containers: readonly KnownContainer[],
): readonly ObservedPod[] => {
  const uids = new Set([...boxes.keys(), ...containers.map(one => one.listed.podUid)])
  return [...uids].flatMap(uid => {
    const all = containers.filter(one => one.listed.podUid === uid)
    const own = all.filter(one => !isPause(one))
    const box = boxes.get(uid)
    const isWhole = isWholeBox(box, all)
    if (!isWhole && own.length === 0) return []
    return {
      uid,
      namespace: box?.spec.namespace ?? all[0]?.listed.namespace ?? '',
      name: box?.spec.name ?? all[0]?.listed.name ?? '',
      ...(isWhole ? { sandbox: box.sandbox } : {}),
      containers: own.map(one => one.observed),
    }
  })
}

/** podman: a number on 4.3 (15), a name on 5.x ("SIGTERM"). */
const stopSignalOf = async (engine: Engine, engineId: string): Promise<number> => {
  const config = (await inspectContainer(engine.containers, engineId))['Config']
  const signal = (config as { readonly StopSignal?: unknown } | undefined)?.StopSignal
  if (typeof signal === 'number' && signal > 0) return signal
  return (typeof signal === 'string' ? constants.signals[signal as NodeJS.Signals] : undefined) ?? 15
}

/** The process has ended: waits until the engine says so too, which its monitor sees to in some ten milliseconds. */
const untilRecorded = async (containers: Containers, id: ContainerRef): Promise<void> => {
  for (let tries = 0; tries < 100; tries += 1) {
    const one = await containers.find(id)
    if (one === undefined || one.observed.state !== 'running') return
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
