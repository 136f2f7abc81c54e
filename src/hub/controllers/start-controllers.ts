import { describeError } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { QueueObserver } from '../../lib/work-queue.ts'
import type { Objects } from '../objects.ts'
import type { Controller, ControllerOptions, ControllerParts } from './controller.ts'
import { daemonSetController } from './daemon-set-controller.ts'
import { deploymentController } from './deployment-controller.ts'
import { endpointsController } from './endpoints-controller.ts'
import { eventTtlController } from './event-ttl.ts'
import { eventRecorder } from './events.ts'
import { evictionController } from './eviction-controller.ts'
import { fleetRooms } from './fleet-rooms.ts'
import { garbageCollector } from './garbage-collector.ts'
import { makeIndexes } from './indexes.ts'
import { loadBalancerController } from './load-balancer-controller.ts'
import { namespaceController } from './namespace-controller.ts'
import { nodeLifecycleController } from './node-lifecycle-controller.ts'
import { podGarbageController } from './pod-garbage-controller.ts'
import { podRangeController } from './pod-range-controller.ts'
import { podStory } from './pod-story.ts'
import { replicaSetController } from './replica-set-controller.ts'
import { scheduler } from './scheduler.ts'

/*
 *   objects.synced() ─> indexes filled ─> controllers start, each on its own queue
 *   close ─> controllers end their runs ─> events written ─> indexes let go
 */

/**
 * Starts all controllers as soon as the objects have been seen in full; before that nothing is decided.
 *
 * @example const controllers = startControllers({ objects, clock: systemClock, random: Math.random, log }); await controllers.close()
 */
export const startControllers = (of: {
  readonly objects: Objects
  readonly clock: Clock
  /** 0 up to 1. */
  readonly random: () => number
  readonly log: Log
  readonly queues?: ((name: string) => QueueObserver) | undefined
  readonly options?: ControllerOptions
}): { readonly isRunning: boolean; close(): Promise<void> } => {
  let running: (() => Promise<void>) | undefined
  let isClosed = false
  const starting = of.objects.synced().then(
    () => {
      if (isClosed) return
      const indexes = makeIndexes(of.objects)
      const events = eventRecorder(of)
      const rooms = fleetRooms(of.objects, indexes)
      const parts: ControllerParts = { ...of, indexes, rooms, events, options: of.options ?? {} }
      const controllers = all.map(make => make(parts))
      for (const controller of controllers) controller.start()
      running = async () => {
        await Promise.all(controllers.map(controller => controller.close()))
        await events.close()
        rooms.stop()
        indexes.stop()
      }
    },
    error => of.log.error('the objects were never seen in full: nothing is decided', { error: describeError(error) }),
  )
  return {
    get isRunning() {
      return running !== undefined && !isClosed
    },
    async close() {
      isClosed = true
      if (running === undefined) return
      await starting
      await running()
    },
  }
}

const all: readonly ((parts: ControllerParts) => Controller)[] = [
  namespaceController,
  podRangeController,
  nodeLifecycleController,
  evictionController,
  scheduler,
  replicaSetController,
  deploymentController,
  daemonSetController,
  endpointsController,
  loadBalancerController,
  garbageCollector,
  podGarbageController,
  podStory,
  eventTtlController,
]
