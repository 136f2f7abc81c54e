import { describeError } from '../api/fault.ts'
import { isUnderVoltage } from '../core/nodes/board.ts'
import type { MachineReading } from '../core/nodes/machine.ts'
import { exceptions, type Metric, nodeMetrics, podMetrics, type Values } from '../core/nodes/metrics.ts'
import type { ContainerUsage, PodRuntime } from '../core/pods/runtime.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { NodeUsage } from '../wire/payloads.ts'
import type { TelemetryBirth, TelemetryData } from '../wire/telemetry.ts'
import type { HubLink } from './hub-link.ts'
import { podCpu } from './node/pod-cpu.ts'
import { type UsageSample, usageBetween } from './node/usage.ts'

/*
 *   every period, while connected:  sample ──> values per device ──left their deadband, or heartbeat──> data
 *                                     │                          ──a new device, a new connection──> birth
 *                                     └──> usage, every five minutes or while watched ──> report
 */

/** A pod as telemetry shows it. */
export interface MeasuredPod {
  readonly uid: string
  readonly namespace: string
  readonly name: string
  readonly restarts: number
  readonly isReady: boolean
  /** Any process of it that runs: its network namespace is the pod's. */
  readonly pid: number | undefined
  readonly isHostNetwork: boolean
}

export interface Telemetry {
  start(): void
  /** A shorter period while someone watches. Seconds. */
  raise(periodSeconds: number, forSeconds: number): void
  /** Takes one sample now. */
  sample(): Promise<void>
  close(): void
}

/** All values are sent this often, so that a listener that came late has them. */
const heartbeatMs = 15 * 60_000
const usageMs = 5 * 60_000

interface Device {
  readonly metrics: { readonly [metric: string]: Metric }
  sent: Values
  sentAtMs: number
  sequence: number
}

/** Never touches flash, and samples nothing while nobody can hear it. Bounded by one entry a device. */
export const telemetry = (of: {
  readonly link: Pick<HubLink, 'telemetry' | 'isConnected' | 'onConnection'>
  readonly runtime: Pick<PodRuntime, 'usage'>
  readonly readMachine: () => Promise<MachineReading>
  readonly pods: () => readonly MeasuredPod[]
  /** Bytes received and sent in the network namespace of a process. */
  readonly traffic: (pid: number) => Promise<{ readonly receivedBytes: number; readonly sentBytes: number } | undefined>
  readonly onUsage: (usage: NodeUsage) => void
  readonly periodSeconds: number
  readonly clock: Clock
  readonly log: Log
}): Telemetry => {
  const { link, clock, log } = of
  const devices = new Map<string, Device>()
  const cpu = new Map<string, ReturnType<typeof podCpu>>()
  let before: UsageSample | undefined
  let usageAtMs = Number.NEGATIVE_INFINITY
  let raised: { readonly periodMs: number; readonly untilMs: number } | undefined
  let cancel: (() => void) | undefined
  let isClosed = false

  const isRaised = (): boolean => raised !== undefined && raised.untilMs > clock.monotonic()
  const periodMs = (): number => (isRaised() && raised !== undefined ? raised.periodMs : of.periodSeconds * 1000)

  const later = (ms: number): void => {
    cancel?.()
    if (isClosed) return
    cancel = clock.after(ms, () => {
      sample()
        .catch((error: unknown) => log.debug('telemetry could not be taken', { why: describeError(error) }))
        .finally(() => later(periodMs()))
    })
  }

  const sample = async (): Promise<void> => {
    if (!link.isConnected) {
      before = undefined
      return
    }
    const [machine, seen] = await Promise.all([of.readMachine(), containersNow()])
    const containers = seen ?? []
    const pods = of.pods()
    const now: UsageSample = { atMs: clock.monotonic(), wallMs: clock.now(), machine, containers }
    const usage = before === undefined ? undefined : usageBetween(before, now, new Map(pods.map(pod => [pod.uid, pod])))
    before = now
    if (usage !== undefined && (isRaised() || clock.monotonic() - usageAtMs >= usageMs)) {
      usageAtMs = clock.monotonic()
      of.onUsage(usage)
    }
    say('node', nodeMetrics, nodeValues(machine, usage, pods))
    // Of pods nothing was observed: their last word stands.
    if (seen === undefined) return
    const present = new Set(['node'])
    for (const pod of pods) {
      const device = `pod.${pod.namespace}.${pod.name}`
      present.add(device)
      const own = containers.filter(one => one.podUid === pod.uid)
      const traffic = pod.pid === undefined || pod.isHostNetwork ? undefined : await of.traffic(pod.pid)
      const cpuOf = cpu.get(pod.uid) ?? podCpu()
      cpu.set(pod.uid, cpuOf)
      say(device, podMetrics, { ...podValues(pod, own, usage, traffic), cpu_seconds: cpuOf(own) })
    }
    for (const uid of cpu.keys()) if (!pods.some(pod => pod.uid === uid)) cpu.delete(uid)
    for (const device of devices.keys()) {
      if (present.has(device)) continue
      devices.delete(device)
      // An empty retained message takes a birth away. [MQTT-3.3.1-10]
      link.telemetry(device, 'birth', undefined)
    }
  }

  /** undefined: the engine does not say. The device has its own numbers all the same. */
  const containersNow = async (): Promise<readonly ContainerUsage[] | undefined> => {
    try {
      return await of.runtime.usage()
    } catch (error) {
      log.debug('the containers could not be measured', { why: describeError(error) })
      return undefined
    }
  }

  const say = (name: string, metrics: Device['metrics'], values: Values): void => {
    let device = devices.get(name)
    if (device === undefined) {
      device = { metrics, sent: {}, sentAtMs: Number.NEGATIVE_INFINITY, sequence: 0 }
      devices.set(name, device)
      link.telemetry(name, 'birth', birthOf(metrics, values, clock.now()))
    }
    const isBeat = clock.monotonic() - device.sentAtMs >= heartbeatMs
    const changed = isBeat ? values : exceptions(metrics, device.sent, values)
    if (Object.keys(changed).length === 0) return
    const { sequence } = device
    const data: TelemetryData = { ...changed, time: new Date(clock.now()).toISOString(), sequence }
    link.telemetry(name, 'data', data)
    device.sequence += 1
    device.sent = { ...device.sent, ...changed }
    if (isBeat) device.sentAtMs = clock.monotonic()
  }

  const stopListening = link.onConnection(isConnected => {
    if (!isConnected) return
    // A broker may have forgotten what it retained: everything is born again.
    devices.clear()
    later(1000)
  })

  return {
    start: () => later(1000),
    raise(periodSeconds, forSeconds) {
      raised = {
        periodMs: Math.max(1, periodSeconds) * 1000,
        untilMs: clock.monotonic() + Math.min(forSeconds, 3600) * 1000,
      }
      later(100)
    },
    sample,
    close() {
      isClosed = true
      cancel?.()
      stopListening()
    },
  }
}

const birthOf = (metrics: Device['metrics'], values: Values, now: number): TelemetryBirth => ({
  format: 1,
  time: new Date(now).toISOString(),
  metrics: Object.fromEntries(
    Object.entries(metrics)
      .filter(([metric]) => metric in values)
      .map(([metric, { name, unit, deviceClass, stateClass }]) => [
        metric,
        { name, unit, ...(deviceClass === undefined ? {} : { deviceClass }), stateClass },
      ]),
  ),
})

const percentOf = (nanocores: number): number => Math.round(nanocores / 1e5) / 100

const nodeValues = (machine: MachineReading, usage: NodeUsage | undefined, pods: readonly MeasuredPod[]): Values => ({
  cpu_percent: usage === undefined ? 0 : percentOf(usage.node.cpuNanos / machine.cpus),
  memory_used_bytes: machine.memory.totalBytes - machine.memory.availableBytes,
  memory_available_bytes: machine.memory.availableBytes,
  disk_used_bytes: machine.disk.totalBytes - machine.disk.availableBytes,
  disk_available_bytes: machine.disk.availableBytes,
  network_received_bytes: machine.network.receivedBytes,
  network_sent_bytes: machine.network.sentBytes,
  ...(machine.temperatureCelsius === undefined ? {} : { temperature_celsius: machine.temperatureCelsius }),
  ...(machine.throttled === undefined ? {} : { throttled: machine.throttled }),
  ...boardValues(machine),
  cpu_seconds: Math.round(machine.cpuNanos / 1e7) / 100,
  ...ownUse(),
  pods_running: pods.filter(pod => pod.pid !== undefined).length,
})

/** Of several cards: the one most worn, and what was written to all. */
const boardValues = (machine: MachineReading): Values => {
  const lacksVoltage = isUnderVoltage(machine)
  const used = machine.cards.flatMap(card => card.lifeUsedPercent ?? [])
  const written = machine.cards.flatMap(card => card.writtenBytes ?? [])
  return {
    ...(lacksVoltage === undefined ? {} : { under_voltage: lacksVoltage ? 1 : 0 }),
    ...(used.length === 0 ? {} : { card_life_used_percent: Math.max(...used) }),
    ...(written.length === 0 ? {} : { card_written_bytes: written.reduce((all, one) => all + one, 0) }),
  }
}

const ownUse = (): Values => {
  const { user, system } = process.cpuUsage()
  return { agent_memory_bytes: process.memoryUsage.rss(), agent_cpu_seconds: Math.round((user + system) / 1e4) / 100 }
}

const podValues = (
  pod: MeasuredPod,
  containers: readonly ContainerUsage[],
  usage: NodeUsage | undefined,
  traffic: { readonly receivedBytes: number; readonly sentBytes: number } | undefined,
): Values => {
  const sum = (pick: (one: ContainerUsage) => number): number => containers.reduce((all, one) => all + pick(one), 0)
  const rates = usage?.pods.find(one => one.uid === pod.uid)?.containers ?? []
  return {
    cpu_percent: percentOf(rates.reduce((all, one) => all + one.cpuNanos, 0)),
    memory_bytes: sum(one => one.memoryBytes),
    disk_read_bytes: sum(one => one.diskReadBytes),
    disk_written_bytes: sum(one => one.diskWriteBytes),
    ...(traffic === undefined
      ? {}
      : { network_received_bytes: traffic.receivedBytes, network_sent_bytes: traffic.sentBytes }),
    restarts: pod.restarts,
    ready: pod.isReady ? 1 : 0,
  }
}
