import { chmod, mkdir, readFile, rm } from 'node:fs/promises'
import { Fault, isFault } from '../api/fault.ts'
import type { ContainerRef, ContainerSpec, ObservedContainer } from '../core/pods/runtime.ts'
import { writeInPlace } from '../lib/durable-file.ts'
import { cgroupOf, oomKillsIn } from './cgroups.ts'
import { causeOf, type EngineClient, isBroken } from './client.ts'
import { containerBody } from './container-body.ts'
import type { Engine } from './engine/open-engine.ts'
import type { Images } from './images.ts'
import { kernelToldOfOom } from './kernel-log.ts'
import { engineName, labels, sameContainer } from './names.ts'
import { type ListedContainer, type OwnNotes, observedOf, parseInspected, parseListed } from './observed.ts'
import { listOf, objectOf } from './parse.ts'
import type { Sandboxes } from './sandbox/sandboxes.ts'

export interface Containers {
  /** All of ours, or those of one pod. Pause containers included. */
  list(podUid?: string): Promise<readonly KnownContainer[]>
  /** That container, or undefined. */
  find(id: ContainerRef): Promise<KnownContainer | undefined>
  create(spec: ContainerSpec): Promise<void>
  start(id: ContainerRef): Promise<void>
  remove(id: ContainerRef): Promise<void>
  /** Keeps what only now can be read about a container that has just ended: whether the kernel killed it for memory. */
  noteEnd(engineId: string): Promise<void>
  /** What the last look at the engine showed, by engine id: for reading cgroups without asking the engine. */
  readonly lastSeen: ReadonlyMap<string, KnownContainer>
  logPath(of: {
    readonly podUid: string
    readonly container: string
    readonly attempt: number
    readonly namespace: string
    readonly name: string
  }): string
}

export interface KnownContainer {
  readonly listed: ListedContainer
  readonly observed: ObservedContainer
  readonly cgroup: string
  readonly conmonPidFile: string
}

/**
 * Our containers in the engine. Every deed begins with a look and is whole again after a broken connection:
 * names derive from identity, so what the first try made is found by the second.
 */
export const containersOf = (of: {
  readonly engine: Engine
  readonly sandboxes: Sandboxes
  readonly images: Images
  readonly logFolder: string
  readonly cgroupParent: string
}): Containers => {
  const api: EngineClient = of.engine.containers
  const lastSeen = new Map<string, KnownContainer>()
  /** Ends with 137 whose cause was looked for; an engine id leaves when its container does. */
  const askedOfKernel = new Set<string>()

  const notesFolder = (id: ContainerRef): string => `${of.sandboxes.folder(id.podUid)}/c/${id.container}-${id.attempt}`

  const noteOom = async (id: ContainerRef): Promise<void> => {
    await mkdir(notesFolder(id), { recursive: true, mode: 0o711 })
    await writeInPlace(`${notesFolder(id)}/oom`, '')
  }

  /** Of an end that nobody could note while its cgroup was there: asked once, of the kernel's log. */
  const wasOom = async (listed: ListedContainer): Promise<boolean> => {
    if (listed.exitCode !== 137 || askedOfKernel.has(listed.engineId)) return false
    if (listed.engineState !== 'exited' && listed.engineState !== 'stopped') return false
    askedOfKernel.add(listed.engineId)
    if (!kernelToldOfOom(listed.engineId)) return false
    await noteOom(listed)
    return true
  }

  const notesOf = async (listed: ListedContainer): Promise<OwnNotes> => {
    const folder = notesFolder(listed)
    const error = await readText(`${folder}/error`)
    return {
      isOom: (await readText(`${folder}/oom`)) !== undefined || (await wasOom(listed)),
      terminationFile: `${folder}/termination`,
      conmonPidFile: `${of.engine.containerStore.runRoot}/${of.engine.found.driver}-containers/${listed.engineId}/userdata/conmon.pid`,
      ...(error === undefined ? {} : { error }),
    }
  }

  const known = async (listed: ListedContainer): Promise<KnownContainer> => {
    const notes = await notesOf(listed)
    return {
      listed,
      observed: observedOf(listed, notes),
      cgroup: cgroupOf(listed.cgroupParent, listed.engineId),
      conmonPidFile: notes.conmonPidFile,
    }
  }

  const look = async (podUid?: string): Promise<readonly KnownContainer[]> => {
    const filter = podUid === undefined ? labels.uid : `${labels.uid}=${podUid}`
    const answer = await api.json({
      path: '/containers/json',
      query: { all: 'true', filters: JSON.stringify({ label: [filter] }) },
      doing: 'list containers',
    })
    const found: KnownContainer[] = []
    for (const entry of listOf(answer, 'the list of containers')) {
      const listed = parseListed(entry)
      if (listed === undefined) continue
      found.push(await known(listed))
    }
    return found
  }

  const list = async (podUid?: string): Promise<readonly KnownContainer[]> => {
    let found = await look(podUid)
    // A monitor that left between the engine's look and ours has written down the end: look once more.
    if (found.some(one => one.observed.state === 'lost')) found = await look(podUid)
    for (const [id, one] of lastSeen) if (podUid === undefined || one.listed.podUid === podUid) lastSeen.delete(id)
    for (const one of found) lastSeen.set(one.listed.engineId, one)
    for (const id of askedOfKernel) if (!lastSeen.has(id)) askedOfKernel.delete(id)
    return found
  }

  const lookAt = async (id: ContainerRef): Promise<KnownContainer | undefined> => {
    try {
      const name = engineName(id)
      const listed = parseInspected(await api.json({ path: `/containers/${name}/json`, doing: `look at ${name}` }))
      return listed === undefined ? undefined : await known(listed)
    } catch (error) {
      if (causeOf(error).includes('no such container')) return undefined
      if (!isFault(error, 'Runtime')) throw error
      // podman: what a kill left half removed can be listed, but not inspected ("container not known").
      return (await look(id.podUid)).find(one => sameContainer(one.listed, id))
    }
  }

  const find = async (id: ContainerRef): Promise<KnownContainer | undefined> => {
    let one = await lookAt(id)
    // As in a list: a monitor that left between two looks has written down the end.
    if (one?.observed.state === 'lost') one = await lookAt(id)
    for (const [engineId, seen] of lastSeen) if (sameContainer(seen.listed, id)) lastSeen.delete(engineId)
    if (one !== undefined) lastSeen.set(one.listed.engineId, one)
    return one
  }

  /** Does it again, from its first look, when the connection broke under it: twice at most. */
  const again = async <T>(deed: () => Promise<T>): Promise<T> => {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await deed()
      } catch (error) {
        if (!isBroken(error) || attempt >= 2) throw error
      }
    }
  }

  const logPath: Containers['logPath'] = one =>
    `${of.logFolder}/${one.namespace}_${one.name}_${one.podUid}/${one.container}/${one.attempt}.log`

  const create = async (spec: ContainerSpec): Promise<void> => {
    if ((await find(spec)) !== undefined) return
    const known = await of.sandboxes.find(spec.podUid)
    if (known === undefined)
      throw new Fault('NotFound', `the sandbox of pod ${spec.podUid} is not there: make it first`, { uid: spec.podUid })
    const image = await of.images.inspect(spec.image)
    if (image === undefined)
      throw new Fault('Runtime', `image "${spec.image}" is not on this node`, {
        cause: 'image not known',
        image: spec.image,
      })
    refuseRoot(spec, image.user)
    const folder = notesFolder(spec)
    await mkdir(folder, { recursive: true, mode: 0o711 })
    await rm(`${folder}/error`, { force: true })
    await writeInPlace(`${folder}/termination`, '')
    await chmod(`${folder}/termination`, 0o666)
    const path = logPath({ ...spec, namespace: spec.podNamespace, name: spec.podName })
    await mkdir(path.replace(/\/[^/]*$/, ''), { recursive: true, mode: 0o755 })
    const body = containerBody(spec, {
      sandbox: known.spec,
      folder: of.sandboxes.folder(spec.podUid),
      terminationFile: `${folder}/termination`,
      logPath: path,
      cgroupParent: `${of.cgroupParent}/pod${spec.podUid}`,
      facts: of.engine.facts,
      imageUser: image.user,
    })
    const make = () =>
      api.call({
        method: 'POST',
        path: '/containers/create',
        body,
        timeoutMs: 30_000,
        doing: `create container ${engineName(spec)}`,
      })
    try {
      await make()
    } catch (error) {
      // podman: a create that was killed half-way leaves the name taken in its storage, by what it does not list.
      if (!causeOf(error).includes('already in use') || (await find(spec)) !== undefined) throw error
      await removeStorage(api, engineName(spec))
      await make()
    }
  }

  const start = async (id: ContainerRef): Promise<void> => {
    const one = await find(id)
    if (one === undefined) throw new Fault('NotFound', `container ${engineName(id)} is not there`, { ...id })
    if (one.observed.state !== 'created') return
    try {
      await api.call({
        method: 'POST',
        path: `/containers/${one.listed.engineId}/start`,
        timeoutMs: 60_000,
        doing: `start container ${engineName(id)}`,
      })
    } catch (error) {
      if (!isFault(error, 'Runtime')) throw error
      if (one.listed.engineState === 'initialized') {
        // podman: killed between starting the process and writing that down, it can neither start nor know it.
        await remove(id)
        throw new Fault(
          'Unavailable',
          `container ${engineName(id)} was half started when the engine was killed; it was removed, to be made anew`,
          { ...id },
          error,
        )
      }
      await writeInPlace(`${notesFolder(id)}/error`, error.message.slice(0, 2000))
      throw error
    }
    // Its process is known from now on: for usage, for its end, for commands in it.
    await find(id)
  }

  const remove = async (id: ContainerRef): Promise<void> => {
    for (let tries = 0; ; tries += 1) {
      const one = await find(id)
      if (one === undefined) break
      try {
        await api.call({
          method: 'DELETE',
          path: `/containers/${one.listed.engineId}`,
          query: { force: 'true', timeout: '0', v: 'true' },
          timeoutMs: 60_000,
          doing: `remove container ${engineName(id)}`,
        })
      } catch (error) {
        if (causeOf(error).includes('no such container')) break
        // podman 4.3: the first removal after a killed service may find a mount busy; the second works.
        if (!isFault(error, 'Runtime') || tries >= 2) throw error
      }
    }
    await rm(notesFolder(id), { recursive: true, force: true })
  }

  return {
    list,
    find,
    lastSeen,
    logPath,
    create: spec => again(() => create(spec)),
    start: id => again(() => start(id)),
    remove: id => again(() => remove(id)),
    async noteEnd(engineId) {
      const seen = lastSeen.get(engineId)
      if (seen === undefined || (oomKillsIn(seen.cgroup) ?? 0) === 0) return
      await noteOom(seen.listed)
    },
  }
}

/** Removes what the engine's storage keeps under that name and its database does not know. */
export const removeStorage = async (api: EngineClient, name: string): Promise<void> => {
  try {
    await api.call({
      method: 'DELETE',
      path: `/containers/${name}`,
      query: { force: 'true', timeout: '0' },
      timeoutMs: 60_000,
      doing: `remove the storage of container ${name}`,
    })
  } catch (error) {
    if (!causeOf(error).includes('no such container')) throw error
  }
}

/** k8s: runAsNonRoot refuses user 0, and an image whose user is a name that nobody can check. */
const refuseRoot = (spec: ContainerSpec, imageUser: string): void => {
  if (!spec.security.mustRunAsNonRoot) return
  const name = imageUser.split(':')[0] ?? ''
  const user = spec.security.user ?? (name === '' ? 0 : /^\d+$/.test(name) ? Number(name) : undefined)
  if (user === undefined)
    throw new Fault(
      'Invalid',
      `container ${spec.container} has runAsNonRoot and its image names the user "${name}", which cannot be checked: set runAsUser to a number`,
      { image: spec.image },
    )
  if (user === 0)
    throw new Fault(
      'Invalid',
      `container ${spec.container} has runAsNonRoot and the image would run as root: set runAsUser to a number other than 0`,
      { image: spec.image },
    )
}

const readText = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, 'utf8')
  } catch {
    return undefined // Nothing was noted.
  }
}

/** A container's own entry of an inspect answer, for tests and sweeps. */
export const inspectContainer = async (api: EngineClient, engineId: string) =>
  objectOf(
    await api.json({ path: `/containers/${engineId}/json`, doing: `inspect container ${engineId}` }),
    'a container',
  )
