import { existsSync, readdirSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { childrenOf, processesIn, removeCgroup } from './cgroups.ts'
import { type Containers, removeStorage } from './containers.ts'
import type { Engine } from './engine/open-engine.ts'
import { listOf, objectOf, textsIn } from './parse.ts'
import { runProgram } from './run-program.ts'
import type { Sandboxes } from './sandbox/sandboxes.ts'

/**
 * Takes away what killed engines and agents left of ours: containers, storage rests, runtime state, sandboxes,
 * cgroups and logs of pods that nobody keeps. Only what carries our label or lies under our folders.
 *
 * @returns what was taken away, as sentences
 */
export const sweepRests = async (of: {
  readonly engine: Engine
  readonly containers: Containers
  readonly sandboxes: Sandboxes
  readonly podsFolder: string
  readonly logFolder: string
  readonly cgroupParent: string
  readonly keep: ReadonlySet<string>
}): Promise<readonly string[]> => {
  const swept: string[] = []
  for (const one of await of.containers.list()) {
    if (of.keep.has(one.listed.podUid)) continue
    await of.containers.remove(one.listed)
    swept.push(`container ${one.listed.container} of pod ${one.listed.podUid}`)
  }
  swept.push(...(await sweepStorage(of.engine)))
  swept.push(...(await sweepRuntimeState(of.engine, of.containers)))
  for (const uid of await namesIn(of.podsFolder)) {
    if (of.keep.has(uid)) continue
    await of.sandboxes.remove(uid)
    swept.push(`sandbox of pod ${uid}`)
  }
  for (const name of childrenOf(of.cgroupParent)) {
    if (!name.startsWith('pod') || of.keep.has(name.slice(3))) continue
    if (processesIn(`${of.cgroupParent}/${name}`).length === 0) removeCgroup(`${of.cgroupParent}/${name}`)
  }
  for (const name of await namesIn(of.logFolder)) {
    const uid = name.split('_')[2]
    if (uid === undefined || of.keep.has(uid)) continue
    await rm(`${of.logFolder}/${name}`, { recursive: true, force: true })
    swept.push(`logs of pod ${uid}`)
  }
  return swept
}

/** podman: a removal that was killed may leave a container of the storage that only `--external` shows. */
const sweepStorage = async (engine: Engine): Promise<readonly string[]> => {
  const answer = await engine.containers.json({
    path: '/containers/json',
    query: { all: 'true', external: 'true' },
    doing: 'list storage containers',
  })
  const swept: string[] = []
  for (const entry of listOf(answer, 'the list of containers')) {
    const fields = objectOf(entry, 'a container of the list')
    const name = textsIn(fields['Names']).find(one => one.startsWith('dunlin-'))
    if (name === undefined || fields['State'] !== 'storage') continue
    await removeStorage(engine.containers, name)
    swept.push(`storage of container ${name}`)
  }
  return swept
}

/** State of the OCI runtime whose bundle lies under our store and whose container is no more. */
const sweepRuntimeState = async (engine: Engine, containers: Containers): Promise<readonly string[]> => {
  const folder = `/run/${engine.found.ociRuntime}`
  const known = new Set((await containers.list()).map(one => one.listed.engineId))
  const swept: string[] = []
  for (const id of existsSync(folder) ? readdirSync(folder) : []) {
    if (!/^[0-9a-f]{64}$/.test(id) || known.has(id) || !(await isOurs(engine, folder, id))) continue
    await runProgram([engine.found.ociRuntimePath, 'delete', '--force', id])
    swept.push(`runtime state ${id}`)
  }
  return swept
}

const isOurs = async (engine: Engine, folder: string, id: string): Promise<boolean> => {
  const file = [`${folder}/${id}/state.json`, `${folder}/${id}/status`].find(existsSync)
  return file !== undefined && (await readFile(file, 'utf8')).includes(`${engine.containerStore.graphRoot}/`)
}

const namesIn = async (folder: string): Promise<readonly string[]> => (existsSync(folder) ? await readdir(folder) : [])
