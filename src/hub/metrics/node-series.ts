import type { Pod } from '../../api/types.ts'
import { type Family, familyOf, type MetricMeaning, type MetricTable, type Sample } from '../../lib/exposition.ts'
import type { NodeUsage } from '../../wire/payloads.ts'
import type { Objects } from '../objects.ts'
import type { TelemetryMemory } from './telemetry-memory.ts'

const node = ['node'] as const
const pod = ['node', 'namespace', 'pod'] as const
const container = [...pod, 'container'] as const

/**
 * What `/metrics/nodes` shows of every node, and `/api/v1/nodes/NAME/proxy/metrics` of one: names of kubelet, cAdvisor
 * and node-exporter where they mean the same. Read out of what nodes send anyway, so a scrape costs them nothing.
 */
export const nodeSeries = {
  dunlin_node_connected: { type: 'gauge', labels: node, help: '1: its connection to the broker is there.' },
  dunlin_node_last_heard_seconds: { type: 'gauge', labels: node, help: 'Seconds since its last signed word.' },
  kubelet_running_pods: { type: 'gauge', labels: node, help: 'Pods with a running process.' },
  node_cpu_usage_seconds_total: { type: 'counter', labels: node, help: 'CPU time of all cores since its boot.' },
  node_memory_working_set_bytes: { type: 'gauge', labels: node, help: 'Memory in use: all but what is available.' },
  node_memory_MemAvailable_bytes: { type: 'gauge', labels: node, help: 'Memory available.' },
  node_filesystem_avail_bytes: { type: 'gauge', labels: node, help: 'Space left where the engine keeps its data.' },
  dunlin_node_filesystem_used_bytes: { type: 'gauge', labels: node, help: 'Space taken there.' },
  node_network_receive_bytes_total: { type: 'counter', labels: node, help: 'Bytes received by the machine.' },
  node_network_transmit_bytes_total: { type: 'counter', labels: node, help: 'Bytes sent by the machine.' },
  node_thermal_zone_temp: { type: 'gauge', labels: node, help: 'Temperature of the CPU, degrees Celsius.' },
  dunlin_node_throttled_bits: {
    type: 'gauge',
    labels: node,
    help: "The firmware's throttling bits, as vcgencmd shows them.",
  },
  dunlin_node_under_voltage: { type: 'gauge', labels: node, help: '1: the supply gives too little voltage now.' },
  dunlin_node_card_life_used_percent: {
    type: 'gauge',
    labels: node,
    help: 'Life of the card that is used, at least, in steps of ten; where the card says it.',
  },
  dunlin_node_card_written_bytes_total: {
    type: 'counter',
    labels: node,
    help: 'Bytes written to the SD card or eMMC since its boot.',
  },
  process_resident_memory_bytes: { type: 'gauge', labels: node, help: 'Resident memory of the agent.' },
  process_cpu_seconds_total: { type: 'counter', labels: node, help: 'CPU time of the agent.' },
  pod_cpu_usage_seconds_total: { type: 'counter', labels: pod, help: "CPU time of a pod's running containers." },
  pod_memory_working_set_bytes: {
    type: 'gauge',
    labels: pod,
    help: 'Memory of a pod, without file pages that can go.',
  },
  container_fs_reads_bytes_total: { type: 'counter', labels: pod, help: 'Bytes read from disk by a pod.' },
  container_fs_writes_bytes_total: { type: 'counter', labels: pod, help: 'Bytes written to disk by a pod.' },
  container_network_receive_bytes_total: { type: 'counter', labels: pod, help: 'Bytes received by a pod.' },
  container_network_transmit_bytes_total: { type: 'counter', labels: pod, help: 'Bytes sent by a pod.' },
  container_cpu_usage_seconds_total: { type: 'counter', labels: container, help: 'CPU time of a container.' },
  container_memory_working_set_bytes: {
    type: 'gauge',
    labels: container,
    help: 'Memory of a container, without file pages that can go.',
  },
} as const satisfies MetricTable

/** What the hub knows of its nodes, beside their telemetry. */
export interface NodeSign {
  readonly node: string
  readonly isConnected: boolean
  readonly heardSecondsAgo: number | undefined
  readonly usage: NodeUsage | undefined
}

export interface NodeSeriesOptions {
  readonly signs: () => Iterable<NodeSign>
  readonly telemetry: TelemetryMemory
  readonly objects: Objects
}

type Source = (of: NodeSeriesOptions, only: string | undefined) => Iterable<Sample>
type Sources = { readonly [Name in keyof typeof nodeSeries]: Source }

const meanings: { readonly [name: string]: MetricMeaning } = nodeSeries

/**
 * @example exposition(nodeFamilies(of)) // of all nodes
 * @example exposition(nodeFamilies(of, 'attic'))
 */
export const nodeFamilies = (of: NodeSeriesOptions, only?: string): readonly Family[] =>
  Object.entries(sources).map(([name, samples]) =>
    familyOf(name, meanings[name] ?? { type: 'gauge', help: '' }, () => samples(of, only)),
  )

function* signsOf({ signs }: NodeSeriesOptions, only: string | undefined): Generator<NodeSign> {
  for (const sign of signs()) if (only === undefined || sign.node === only) yield sign
}

const ofMachine = (metric: string): Source =>
  function* ({ telemetry }, only) {
    for (const name of only === undefined ? telemetry.nodes() : [only]) {
      for (const device of telemetry.devices(name)) {
        const value = device.device === 'node' ? device.value(metric) : undefined
        if (value !== undefined) yield [[name], value]
      }
    }
  }

/** Pods that a node tells of and that are bound to it: nobody speaks for others. */
const ofPods = (metric: string): Source =>
  function* ({ telemetry, objects }, only) {
    for (const name of only === undefined ? telemetry.nodes() : [only]) {
      for (const { device, value } of telemetry.devices(name)) {
        const [, namespace, pod] = /^pod\.([^.]+)\.(.+)$/.exec(device) ?? []
        if (namespace === undefined || pod === undefined) continue
        const found = value(metric)
        if (found !== undefined && isBoundTo(objects, namespace, pod, name)) yield [[name, namespace, pod], found]
      }
    }
  }

const ofContainers = (pick: (one: NodeUsage['pods'][number]['containers'][number]) => number | undefined): Source =>
  function* (of, only) {
    for (const sign of signsOf(of, only)) {
      for (const { namespace, name, containers } of sign.usage?.pods ?? []) {
        if (!isBoundTo(of.objects, namespace, name, sign.node)) continue
        for (const one of containers) {
          const value = pick(one)
          if (value !== undefined) yield [[sign.node, namespace, name, one.name], value]
        }
      }
    }
  }

const isBoundTo = (objects: Objects, namespace: string, name: string, node: string): boolean =>
  objects.get<Pod>('Pod', { namespace, name })?.spec?.nodeName === node

const sources: Sources = {
  *dunlin_node_connected(of, only) {
    for (const sign of signsOf(of, only)) yield [[sign.node], sign.isConnected ? 1 : 0]
  },
  *dunlin_node_last_heard_seconds(of, only) {
    for (const { node, heardSecondsAgo } of signsOf(of, only)) {
      if (heardSecondsAgo !== undefined) yield [[node], heardSecondsAgo]
    }
  },
  kubelet_running_pods: ofMachine('pods_running'),
  node_cpu_usage_seconds_total: ofMachine('cpu_seconds'),
  node_memory_working_set_bytes: ofMachine('memory_used_bytes'),
  node_memory_MemAvailable_bytes: ofMachine('memory_available_bytes'),
  node_filesystem_avail_bytes: ofMachine('disk_available_bytes'),
  dunlin_node_filesystem_used_bytes: ofMachine('disk_used_bytes'),
  node_network_receive_bytes_total: ofMachine('network_received_bytes'),
  node_network_transmit_bytes_total: ofMachine('network_sent_bytes'),
  node_thermal_zone_temp: ofMachine('temperature_celsius'),
  dunlin_node_throttled_bits: ofMachine('throttled'),
  dunlin_node_under_voltage: ofMachine('under_voltage'),
  dunlin_node_card_life_used_percent: ofMachine('card_life_used_percent'),
  dunlin_node_card_written_bytes_total: ofMachine('card_written_bytes'),
  process_resident_memory_bytes: ofMachine('agent_memory_bytes'),
  process_cpu_seconds_total: ofMachine('agent_cpu_seconds'),
  pod_cpu_usage_seconds_total: ofPods('cpu_seconds'),
  pod_memory_working_set_bytes: ofPods('memory_bytes'),
  container_fs_reads_bytes_total: ofPods('disk_read_bytes'),
  container_fs_writes_bytes_total: ofPods('disk_written_bytes'),
  container_network_receive_bytes_total: ofPods('network_received_bytes'),
  container_network_transmit_bytes_total: ofPods('network_sent_bytes'),
  container_cpu_usage_seconds_total: ofContainers(one => one.cpuSeconds),
  container_memory_working_set_bytes: ofContainers(one => one.memoryBytes),
}
