import { readFile } from 'node:fs/promises'
import { describeError } from '../api/fault.ts'
import type { Pod } from '../api/types.ts'
import type { MachineIdentity, MachineReading } from '../core/nodes/machine.ts'
import type { ObservedPod, PodRuntime } from '../core/pods/runtime.ts'
import type { PodEndpointState, PodNetwork } from '../core/services/pod-network.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { PodReport } from '../wire/payloads.ts'
import { agentEvents } from './events.ts'
import type { HubLink } from './hub-link.ts'
import { nodeWatch } from './node/node-watch.ts'
import type { trafficOf } from './node/read-machine.ts'
import { askPod } from './pods/ask-pod.ts'
import { type Desired, desiredOf } from './pods/desired.ts'
import { podIPOf } from './pods/execute-step.ts'
import { imageCollector } from './pods/image-collector.ts'
import { nodeImages } from './pods/images.ts'
import { neededImages } from './pods/needed-images.ts'
import { type PodLogsRequest, podLogs } from './pods/pod-logs.ts'
import { openPodMemories } from './pods/pod-memories.ts'
import { podProbes } from './pods/probes.ts'
import { tellBackOff } from './pods/step-events.ts'
import { type Beat, syncLoop } from './pods/sync-loop.ts'
import { podSync } from './pods/sync-pod.ts'
import { podVolumes } from './pods/volumes.ts'
import { reporter } from './report.ts'
import { type MeasuredPod, telemetry } from './telemetry.ts'

/*
 *   link ──assignment──> desired ──> sync loop ──> runtime, network, volumes
 *                                       │
 *   link <──reports, events, telemetry──┴── node watch, probes
 */

/** The agent without its ways out: whoever makes it gives the engine, the network and the link to the hub. */
export interface NodeAgent {
  /** Network first, then what is desired on disk; resolves when everything was looked at once. */
  start(): Promise<void>
  logs(request: PodLogsRequest, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>
  /** Where a pod of this node is reached; undefined where it is not here, or has no address. */
  podAddress(uid: string): string | undefined
  /** A shorter telemetry period while someone watches. */
  watched(periodSeconds: number, forSeconds: number): void
  /** Resolves when nothing is to do now. */
  idle(): Promise<void>
  /** Writes what is known and stops; containers run on. */
  close(): Promise<void>
}

export interface NodeAgentParts {
  readonly link: HubLink
  readonly runtime: PodRuntime
  readonly network: PodNetwork
  readonly nodeName: string
  readonly stateFolder: string
  readonly runFolder: string
  readonly machine: MachineIdentity
  readonly readMachine: () => Promise<MachineReading>
  readonly addresses: () => Promise<readonly string[]>
  /** Bytes through the network namespace of a process. */
  readonly traffic: (pid: number) => Promise<ReturnType<typeof trafficOf> | undefined>
  /** Labels of what the machine is made of; asked once, some time after the start. */
  readonly hardwareLabels?: () => Promise<{ readonly [key: string]: string }>
  readonly telemetrySeconds: number
  /** Who wants signs of life of the loop; absent: nobody. */
  readonly beat?: Beat
  readonly clock: Clock
  /** 0 up to 1. */
  readonly random: () => number
  readonly log: Log
}

/** Nothing waits for the inventory, and pods start first. */
const inventoryAfterMs = 20_000

export const nodeAgent = async (of: NodeAgentParts): Promise<NodeAgent> => {
  const { link, runtime, network, clock, log } = of
  const memories = await openPodMemories(of)
  const volumes = podVolumes(of)
  const images = nodeImages(of)
  const needed = neededImages()
  const events = agentEvents(of)
  /** What was last seen and said of each pod. Bounded by the pods of the node. */
  const seen = new Map<
    string,
    { readonly report: PodReport; readonly pod: Pod; readonly observed: ObservedPod | undefined }
  >()
  let desired: Desired | undefined
  let networkTrouble: string | undefined

  const reports = reporter({
    link,
    clock,
    log,
    presentPodUids: () => (loop.hasObserved && desired !== undefined ? presentUids() : undefined),
  })

  /** Every pod that the node has anything of, or will have: it is assigned and not yet gone. */
  const presentUids = (): readonly string[] => {
    const here = new Set([...memories.uids(), ...seen.keys()])
    for (const [uid, pod] of desired?.pods ?? []) if (pod.metadata.deletionTimestamp === undefined) here.add(uid)
    return [...here]
  }

  const probes = podProbes({
    clock,
    ask: (pod, container, id, kind, timeoutMs) => {
      const podIP = podIPOf({ network, node: watch.facts }, id.podUid, pod) ?? '127.0.0.1'
      const probe = {
        startup: container.startupProbe,
        readiness: container.readinessProbe,
        liveness: container.livenessProbe,
      }
      return askPod(probe[kind] ?? {}, { runtime, podIP, container, id, timeoutMs })
    },
    wake: uid => loop.wake(uid),
    onFailure: (pod, container, kind, output) => {
      const { namespace = '', name = '', uid = '' } = pod.metadata
      const fieldPath = `spec.containers{${container}}`
      const message = `${kind[0]?.toUpperCase()}${kind.slice(1)} probe failed: ${output}`
      events.tell('Warning', 'Unhealthy', message, { kind: 'Pod', namespace, name, uid, fieldPath })
    },
  })

  const onReport = (report: PodReport, pod: Pod | undefined, observed: ObservedPod | undefined): void => {
    if (pod !== undefined) tellBackOff(events, pod, seen.get(report.uid)?.report.status, report.status)
    if (report.gone || pod === undefined) seen.delete(report.uid)
    else seen.set(report.uid, { report, pod, observed })
    reports.pod(report)
    network.setPodStates(new Map([...seen].map(([uid, one]) => [uid, endpointState(one.pod, one.report)])))
  }

  const sync = podSync({
    runtime,
    network,
    volumes,
    images: {
      ...images,
      pull: async (reference, credentials) => {
        await images.pull(reference, credentials)
        watch.imagesChanged()
      },
    },
    node: () => watch.facts(),
    neighbourhood: () => link.neighbourhood(),
    hostFiles,
    desired: () => desired,
    memories,
    probes,
    events,
    onReport,
    wake: uid => loop.wake(uid),
    clock,
    log,
  })
  const loop = syncLoop({ ...of, sync, memories, volumes, images, desired: () => desired })

  const watch = nodeWatch({
    nodeName: of.nodeName,
    identity: of.machine,
    readMachine: of.readMachine,
    addresses: of.addresses,
    runtime,
    engine: () => ({ trouble: loop.engineTrouble, hasObserved: loop.hasObserved }),
    network: () => ({ trouble: networkTrouble, flaws: network.troubles() }),
    onReport: report => reports.node(report),
    onLook: reading => collector.looked(reading),
    clock,
    log,
  })

  const collector = imageCollector({
    runtime,
    images,
    needed,
    desired: () => (loop.hasObserved ? desired : undefined),
    readMachine: of.readMachine,
    onChange: () => watch.imagesChanged(),
    clock,
    log,
  })

  const measured = (): readonly MeasuredPod[] =>
    [...seen].map(([uid, { report, pod, observed }]) => ({
      uid,
      namespace: report.namespace,
      name: report.name,
      restarts: (report.status?.containerStatuses ?? []).reduce((sum, one) => sum + one.restartCount, 0),
      isReady: report.status?.conditions?.some(one => one.type === 'Ready' && one.status === 'True') ?? false,
      pid: observed?.containers.find(one => one.state === 'running')?.pid,
      isHostNetwork: pod.spec?.hostNetwork === true,
    }))

  const meter = telemetry({
    link,
    runtime,
    readMachine: of.readMachine,
    pods: measured,
    traffic: of.traffic,
    onUsage: usage => reports.usage(usage),
    periodSeconds: of.telemetrySeconds,
    clock,
    log,
  })

  const take = async (next: Desired): Promise<void> => {
    const before = desired
    await configure(next)
    desired = next
    needed.desiredChanged(before, next)
    loop.desiredChanged(before, next)
  }
  /** A network that cannot be made must not keep pods from ending, nor those on the host's network from running. */
  const configure = async (next: Desired): Promise<void> => {
    try {
      await network.configure(next.assignment.network)
      networkTrouble = undefined
    } catch (error) {
      networkTrouble = describeError(error)
      log.error('the pod network could not be set up', { why: networkTrouble })
    }
  }

  /** Assignments one after another; of several that wait only the newest is taken. */
  let waiting: Desired | undefined
  let taking: Promise<void> = Promise.resolve()
  const stopListening = [
    link.onAssignment(assignment => {
      const isFirst = waiting === undefined
      waiting = desiredOf(assignment)
      if (!isFirst) return
      taking = taking
        .then(async () => {
          const next = waiting
          waiting = undefined
          if (next !== undefined) await take(next)
        })
        .catch((error: unknown) => log.error('an assignment could not be taken', { why: describeError(error) }))
    }),
    link.onNeighbourhood(neighbourhood => network.setNeighbourhood(neighbourhood)),
  ]

  const begin = async (): Promise<void> => {
    const assignment = link.assignment()
    if (assignment === undefined) return
    const held = desiredOf(assignment)
    await configure(held)
    desired = held
  }

  let cancelInventory: () => void = () => {}
  const takeInventory = async (): Promise<void> => {
    watch.setHardware((await of.hardwareLabels?.()) ?? {})
    await watch.look()
  }

  return {
    async start() {
      // In turn with what comes from the hub meanwhile: what was on disk must not replace it.
      taking = taking.then(begin)
      await taking
      const neighbourhood = link.neighbourhood()
      if (neighbourhood !== undefined) network.setNeighbourhood(neighbourhood)
      await watch.start()
      await loop.start()
      await watch.look()
      meter.start()
      cancelInventory = clock.after(inventoryAfterMs, () => {
        takeInventory().catch((error: unknown) =>
          log.info('the hardware could not be looked at', { why: describeError(error) }),
        )
      })
    },
    logs: (request, signal) => podLogs(runtime, request, signal, () => clock.now()),
    podAddress(uid) {
      const pod = seen.get(uid)?.pod
      return pod === undefined ? undefined : podIPOf({ network, node: watch.facts }, uid, pod)
    },
    watched: (periodSeconds, forSeconds) => meter.raise(periodSeconds, forSeconds),
    async idle() {
      await taking
      await loop.idle()
    },
    async close() {
      for (const stop of stopListening) stop()
      cancelInventory()
      meter.close()
      watch.close()
      probes.close()
      images.close()
      await taking
      await loop.close()
      await events.flush()
      events.close()
      await reports.flush()
      await reports.close()
      await memories.close()
    },
  }
}

const endpointState = (pod: Pod, report: PodReport): PodEndpointState => {
  const serving = report.status?.conditions?.some(one => one.type === 'Ready' && one.status === 'True') ?? false
  const terminating = pod.metadata.deletionTimestamp !== undefined
  return { ready: serving && !terminating, serving, terminating }
}

const hostFiles = async (): Promise<{ readonly hosts: string; readonly resolvConf: string }> => ({
  hosts: await readFile('/etc/hosts', 'utf8'),
  resolvConf: await readFile('/etc/resolv.conf', 'utf8'),
})
