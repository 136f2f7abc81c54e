import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'

/** What the Podman runtime is told about this machine. */
export interface PodmanSettings {
  readonly engine: EngineSettings
  /** On a tmpfs: sandboxes, sockets and the engine's state of this boot. `/run/dunlin` unless said. */
  readonly runFolder: string
  /** Where container logs lie: `<namespace>_<name>_<uid>/<container>/<attempt>.log`. */
  readonly logFolder: string
  /** `disk`: containers on the card. `memory`: containers on a bounded tmpfs, images on the card. */
  readonly storeMode: 'disk' | 'memory'
  readonly clock: Clock
  readonly log: Log
}

export interface EngineSettings {
  /** The program; `podman` unless said. */
  readonly podman?: string
  /** On the card: images, the engine's own files, our configuration of it. */
  readonly stateFolder: string
  /** The cgroup above all of ours, e.g. `/dunlin`; one per node where several share a machine. */
  readonly cgroupParent?: string
  /** OCI runtimes to try, best first. */
  readonly ociRuntimes?: readonly string[]
  /** `<certsFolder>/<host:port>/ca.crt`: private CAs of registries. */
  readonly certsFolder?: string
  /** Bound of the tmpfs of the `memory` store, bytes. */
  readonly memoryStoreBytes?: number
}

/** Every path that the runtime uses, from the two folders that it is given. */
export interface EnginePaths {
  readonly podsFolder: string
  readonly home: string
  readonly containersConf: string
  readonly registriesConf: string
  readonly found: string
  readonly cgroupParent: string
  /** The tmpfs of the `memory` store. */
  readonly memoryFolder: string
}

export const enginePaths = (of: Pick<PodmanSettings, 'engine' | 'runFolder'>): EnginePaths => ({
  podsFolder: `${of.runFolder}/pods`,
  home: `${of.engine.stateFolder}/home`,
  containersConf: `${of.engine.stateFolder}/containers.conf`,
  registriesConf: `${of.engine.stateFolder}/registries.conf`,
  found: `${of.engine.stateFolder}/engine.json`,
  cgroupParent: of.engine.cgroupParent ?? '/dunlin',
  memoryFolder: `${of.runFolder}/store`,
})

/** One store of the engine: its folders, and the socket that its service listens on. */
export interface EngineStore {
  readonly name: 'card' | 'memory'
  readonly storageConf: string
  readonly graphRoot: string
  readonly runRoot: string
  readonly tmpDir: string
  readonly socket: string
}

/** The store on the card. Its folders are the same in both modes, because the engine's database remembers them. */
export const cardStore = (of: Pick<PodmanSettings, 'engine' | 'runFolder'>, driver: string): EngineStore => ({
  name: 'card',
  storageConf: `${of.engine.stateFolder}/storage-${driver}.conf`,
  graphRoot: `${of.engine.stateFolder}/store-${driver}`,
  runRoot: `${of.runFolder}/engine/run`,
  tmpDir: `${of.runFolder}/engine/tmp`,
  socket: `${of.runFolder}/engine/card.sock`,
})

/** The store in memory: only containers; it reads the images of the card's store. */
export const memoryStore = (of: Pick<PodmanSettings, 'engine' | 'runFolder'>): EngineStore => {
  const folder = enginePaths(of).memoryFolder
  return {
    name: 'memory',
    storageConf: `${of.engine.stateFolder}/storage-memory.conf`,
    graphRoot: `${folder}/graph`,
    runRoot: `${folder}/run`,
    tmpDir: `${folder}/tmp`,
    socket: `${of.runFolder}/engine/memory.sock`,
  }
}
