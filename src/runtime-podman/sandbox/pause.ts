import { rm } from 'node:fs/promises'
import type { ContainerRef, ContainerSpec, SandboxSpec } from '../../core/pods/runtime.ts'
import { writeInPlace } from '../../lib/durable-file.ts'
import type { Containers, KnownContainer } from '../containers.ts'
import { pauseImage, pauseProgram } from '../engine/pause-image.ts'
import type { Images } from '../images.ts'
import { pauseContainer } from '../names.ts'
import { mustRun } from '../run-program.ts'
import { mountsNow, unmountAll } from './mounts.ts'
import type { Sandboxes } from './sandboxes.ts'

/** The container that holds the PID namespace of a pod with shareProcessNamespace, as its PID 1. */
export interface Pause {
  /** Makes it run, and binds its namespace beside the others. Idempotent. */
  ensure(spec: SandboxSpec): Promise<void>
  remove(uid: string): Promise<void>
}

export const isPause = (one: KnownContainer): boolean => one.listed.container === pauseContainer

export const pauseOf = (of: {
  readonly containers: Containers
  readonly images: Images
  readonly sandboxes: Sandboxes
  readonly runFolder: string
}): Pause => {
  const refOf = (uid: string): ContainerRef => ({ podUid: uid, container: pauseContainer, attempt: 0 })

  const remove = async (uid: string): Promise<void> => {
    await unmountAll(`${of.sandboxes.folder(uid)}/pid`)
    await of.containers.remove(refOf(uid))
  }

  return {
    remove,
    async ensure(spec) {
      const path = `${of.sandboxes.folder(spec.uid)}/pid`
      const before = await of.containers.find(refOf(spec.uid))
      if (before?.observed.state === 'running' && (await mountsNow()).has(path)) return
      // Half made, or ended: with its PID 1 the namespace is over, and so is everything in it.
      await remove(spec.uid)
      await ensureImage(of.images, of.runFolder)
      const pause = pauseSpec(spec)
      await of.containers.create(pause)
      await of.containers.start(pause)
      const pid = (await of.containers.find(pause))?.observed.pid
      await writeInPlace(path, '')
      await mustRun(['mount', '--bind', `/proc/${pid ?? 0}/ns/pid`, path])
    },
  }
}

const ensureImage = async (images: Images, runFolder: string): Promise<void> => {
  if ((await images.inspect(pauseImage)) !== undefined) return
  const archive = `${runFolder}/engine/pause.tar`
  await writeInPlace(archive, pauseProgram().archive)
  await images.load(archive)
  await rm(archive, { force: true })
}

const pauseSpec = (spec: SandboxSpec): ContainerSpec => ({
  podUid: spec.uid,
  podNamespace: spec.namespace,
  podName: spec.name,
  container: pauseContainer,
  attempt: 0,
  specHash: '',
  isInit: false,
  image: pauseImage,
  command: pauseProgram().pause,
  env: {},
  mounts: [],
  tty: false,
  stdin: false,
  resources: { cpuShares: 2 },
  security: {
    privileged: false,
    readOnlyRoot: true,
    supplementalGroups: [],
    mustRunAsNonRoot: false,
    capAdd: [],
    capDrop: ['ALL'],
    allowPrivilegeEscalation: false,
    seccompUnconfined: false,
    procUnmasked: false,
  },
  terminationMessagePath: '/dev/termination-log',
  logMaxBytes: 64 * 1024,
})
