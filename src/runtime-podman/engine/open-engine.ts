import { totalmem } from 'node:os'
import { Fault } from '../../api/fault.ts'
import { type EngineClient, engineClient } from '../client.ts'
import { mountTmpfs } from '../sandbox/mounts.ts'
import { cardStore, type EngineStore, enginePaths, memoryStore, type PodmanSettings } from '../settings.ts'
import { type EngineStreams, engineStreams } from '../streams/engine-streams.ts'
import { engineEnvironment, type FoundEngine } from './configuration.ts'
import { type MachineFacts, readMachineFacts } from './facts.ts'
import { findEngine, prepareMemoryStore } from './find-engine.ts'
import { onDemandService } from './service.ts'

/** unix(7): a socket's path has 108 bytes, the last of them zero. */
const mostSocketBytes = 107

/** An engine that works on this machine, and how to talk to it. */
export interface Engine {
  readonly facts: MachineFacts
  readonly found: FoundEngine
  /** Where containers live. */
  readonly containers: EngineClient
  readonly containerStore: EngineStore
  /** Connections to where containers live that stay open: processes, archives. */
  readonly streams: EngineStreams
  /** Where images live. The same as `containers` in `disk` mode. */
  readonly images: EngineClient
  close(): void
}

/**
 * Reads the machine, finds settings that work, makes the stores; starts no service yet.
 *
 * @throws Fault Machine where Podman, an OCI runtime or a right is missing
 */
export const openEngine = async (settings: PodmanSettings): Promise<Engine> => {
  const podman = settings.engine.podman ?? 'podman'
  const socketBytes = Buffer.byteLength(memoryStore(settings).socket)
  if (socketBytes > mostSocketBytes)
    throw new Fault(
      'Machine',
      `the run folder ${settings.runFolder} is too long for a socket in it (${socketBytes} of ${mostSocketBytes} bytes): choose a shorter one, such as /run/dunlin`,
      { runFolder: settings.runFolder },
    )
  const facts = readMachineFacts([podman, ...(settings.engine.ociRuntimes ?? ['crun', 'runc'])])
  const found = await findEngine(settings, facts)
  const card = cardStore(settings, found.driver)
  const paths = enginePaths(settings)
  const program = facts.programs[podman] ?? podman

  const serviceOf = (store: EngineStore) => ({
    socket: store.socket,
    ensureService: onDemandService({
      podman: program,
      store,
      env: engineEnvironment(store, paths, process.env),
      hasSystemd: facts.hasSystemd,
    }),
  })

  const images = engineClient(serviceOf(card))
  let containerStore = card
  let containers = images
  if (settings.storeMode === 'memory') {
    containerStore = memoryStore(settings)
    // A fifth of memory unless said: containers' own writes and runtime state, not images and volumes.
    await prepareMemoryStore(settings, found, containerStore, mountTmpfs, Math.floor(totalmem() / 5))
    containers = engineClient(serviceOf(containerStore))
  }
  return {
    facts,
    found,
    containers,
    containerStore,
    streams: engineStreams(serviceOf(containerStore)),
    images,
    close() {
      images.close()
      if (containers !== images) containers.close()
    },
  }
}
