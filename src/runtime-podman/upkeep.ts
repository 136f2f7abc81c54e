import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { Containers, KnownContainer } from './containers.ts'
import type { Engine } from './engine/open-engine.ts'
import type { Exits } from './exits.ts'
import { rotateLog } from './logs/rotate-log.ts'
import { pidIn, processNow } from './processes.ts'

/*
 *   exit file ──> note what only now can be read ──> wake(pod)
 *   every 10 s ──> rotate logs that have grown; a dead process or monitor ──> wake(pod)
 */

export interface Upkeep {
  close(): void
}

/** How often logs are measured and monitors are looked at: reads of files only, no engine, no write but a rotation. */
const lookEveryMs = 10_000

/** Bytes of one log file, of two that are kept, where the container says nothing. */
const defaultLogBytes = 5 * 1024 * 1024

/** Looks after what runs, between the steps that are asked for. */
export const startUpkeep = (of: {
  readonly engine: Engine
  readonly containers: Containers
  readonly exits: Exits
  readonly clock: Clock
  readonly log: Log
  readonly wake: (podUid: string) => void
}): Upkeep => {
  let isClosed = false
  let cancel: () => void = () => undefined

  const noteEnd = async (engineId: string): Promise<void> => {
    await of.containers.noteEnd(engineId)
    if (!of.containers.lastSeen.has(engineId)) await of.containers.list()
    const uid = of.containers.lastSeen.get(engineId)?.listed.podUid
    if (uid !== undefined && !isClosed) of.wake(uid)
  }

  const look = async (): Promise<void> => {
    for (const one of of.containers.lastSeen.values()) {
      if (one.observed.state !== 'running') continue
      await rotate(one)
      const isWell =
        processNow(one.observed.pid ?? 0) !== undefined && processNow(pidIn(one.conmonPidFile) ?? 0) !== undefined
      if (!isWell) of.wake(one.listed.podUid)
    }
  }

  const rotate = async (one: KnownContainer): Promise<void> => {
    const bundles = `${of.engine.containerStore.graphRoot}/${of.engine.found.driver}-containers`
    await rotateLog({
      path: of.containers.logPath(one.listed),
      mostBytes: one.listed.logMaxBytes > 0 ? one.listed.logMaxBytes : defaultLogBytes,
      controlPipe: `${bundles}/${one.listed.engineId}/userdata/ctl`,
    })
  }

  const lookLater = (): void => {
    if (isClosed) return
    cancel = of.clock.after(lookEveryMs, () => {
      look()
        .catch((error: unknown) => of.log.warn('logs and monitors could not be looked after', { error }))
        .finally(lookLater)
    })
  }

  const stop = of.exits.onEnd(engineId => {
    noteEnd(engineId).catch((error: unknown) =>
      of.log.warn('the end of a container could not be noted', { engineId, error }),
    )
  })
  lookLater()
  return {
    close() {
      isClosed = true
      cancel()
      stop()
    },
  }
}
