/** What a metric means: all that a chart, a rule or Home Assistant needs to show it. */
export interface Metric {
  /** For people. */
  readonly name: string
  readonly unit: string
  /** Home Assistant's device class, where it has one. */
  readonly deviceClass?: string
  readonly stateClass: 'measurement' | 'total_increasing'
  /** A value is sent when it has moved by more than this since it was last sent: absolute, or a share of it. */
  readonly deadband: { readonly absolute: number } | { readonly share: number }
}

const bytes = (name: string, share = 0.05): Metric => ({
  name,
  unit: 'B',
  deviceClass: 'data_size',
  stateClass: 'measurement',
  deadband: { share },
})

const counter = (name: string, unit: string, absolute: number): Metric => ({
  name,
  unit,
  stateClass: 'total_increasing',
  deadband: { absolute },
})

const percent = (name: string): Metric => ({
  name,
  unit: '%',
  stateClass: 'measurement',
  deadband: { absolute: 2 },
})

/** Metrics of the device `node`. */
export const nodeMetrics = {
  cpu_percent: percent('CPU usage of all cores'),
  cpu_seconds: counter('CPU time of all cores', 's', 60),
  memory_used_bytes: bytes('Memory in use'),
  memory_available_bytes: bytes('Memory available'),
  disk_used_bytes: bytes('Disk in use', 0.02),
  disk_available_bytes: bytes('Disk available', 0.02),
  network_received_bytes: counter('Network received', 'B', 1_048_576),
  network_sent_bytes: counter('Network sent', 'B', 1_048_576),
  temperature_celsius: {
    name: 'CPU temperature',
    unit: '°C',
    deviceClass: 'temperature',
    stateClass: 'measurement',
    deadband: { absolute: 2 },
  },
  throttled: {
    name: 'Throttled by the firmware: its bits',
    unit: '',
    stateClass: 'measurement',
    deadband: { absolute: 0 },
  },
  under_voltage: {
    name: 'Supply voltage too low',
    unit: '',
    stateClass: 'measurement',
    deadband: { absolute: 0 },
  },
  card_life_used_percent: {
    name: 'Life of the card that is used, at least',
    unit: '%',
    stateClass: 'measurement',
    deadband: { absolute: 0 },
  },
  card_written_bytes: counter('Written to the card since boot', 'B', 64 * 1_048_576),
  agent_memory_bytes: bytes("The agent's own memory", 0.1),
  agent_cpu_seconds: counter("The agent's own CPU time", 's', 10),
  pods_running: { name: 'Pods running', unit: '', stateClass: 'measurement', deadband: { absolute: 0 } },
} as const satisfies { readonly [metric: string]: Metric }

/** Metrics of a device `pod.<namespace>.<name>`. */
export const podMetrics = {
  cpu_percent: percent('CPU usage of one core'),
  cpu_seconds: counter('CPU time', 's', 30),
  memory_bytes: bytes('Memory in use'),
  disk_read_bytes: counter('Disk read', 'B', 1_048_576),
  disk_written_bytes: counter('Disk written', 'B', 1_048_576),
  network_received_bytes: counter('Network received', 'B', 1_048_576),
  network_sent_bytes: counter('Network sent', 'B', 1_048_576),
  restarts: counter('Restarts', '', 0),
  ready: { name: 'Ready', unit: '', stateClass: 'measurement', deadband: { absolute: 0 } },
} as const satisfies { readonly [metric: string]: Metric }

export type Values = { readonly [metric: string]: number }

/** The values that have left their deadband since they were last sent, and those never sent. */
export const exceptions = (metrics: { readonly [metric: string]: Metric }, sent: Values, now: Values): Values =>
  Object.fromEntries(
    Object.entries(now).filter(([metric, value]) => {
      const before = sent[metric]
      const deadband = metrics[metric]?.deadband
      if (deadband === undefined) return false
      if (before === undefined) return true
      const moved = Math.abs(value - before)
      return moved > ('absolute' in deadband ? deadband.absolute : Math.abs(before) * deadband.share)
    }),
  )
