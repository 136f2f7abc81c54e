import { nodeMetrics, podMetrics } from '../../core/nodes/metrics.ts'

/** Devices that are remembered of one node; further ones are left out of the metrics. */
const mostDevices = 500

const nodeKeys: readonly string[] = Object.keys(nodeMetrics)
const podKeys: readonly string[] = Object.keys(podMetrics)

/** The newest values of one device; NaN where none came yet. */
export interface DeviceValues {
  readonly device: string
  value(metric: string): number | undefined
}

/**
 * The newest telemetry of every node, as it passes by: nothing is sent for it. One array of numbers a device, some
 * 200 bytes; a node that has gone for good, and a device that it takes back, are forgotten.
 */
export interface TelemetryMemory {
  /** A telemetry message of a node. What cannot be read is left out. */
  take(node: string, device: string, what: 'birth' | 'data', payload: Uint8Array): void
  devices(node: string): Iterable<DeviceValues>
  nodes(): Iterable<string>
  forget(node: string): void
}

export const telemetryMemory = (): TelemetryMemory => {
  const byNode = new Map<string, Map<string, Float64Array>>()

  const drop = (node: string, device: string): void => {
    const devices = byNode.get(node)
    devices?.delete(device)
    if (devices?.size === 0) byNode.delete(node)
  }

  return {
    take(node, device, what, payload) {
      if (what === 'birth') {
        // [MQTT-3.3.1-10] An empty retained message takes the birth back.
        if (payload.length === 0) drop(node, device)
        return
      }
      const data = parsed(payload)
      if (data === undefined) return
      const devices = byNode.get(node) ?? new Map<string, Float64Array>()
      if (devices.size >= mostDevices && !devices.has(device)) return
      byNode.set(node, devices)
      const keys = keysOf(device)
      const values = devices.get(device) ?? new Float64Array(keys.length).fill(Number.NaN)
      devices.set(device, values)
      for (const [index, key] of keys.entries()) {
        const value = data[key]
        if (typeof value === 'number' && Number.isFinite(value)) values[index] = value
      }
    },
    *devices(node) {
      for (const [device, values] of byNode.get(node) ?? [])
        yield { device, value: metric => newest(device, values, metric) }
    },
    nodes: () => byNode.keys(),
    forget: node => byNode.delete(node),
  }
}

const keysOf = (device: string): readonly string[] => (device === 'node' ? nodeKeys : podKeys)

const newest = (device: string, values: Float64Array, metric: string): number | undefined => {
  const value = values[keysOf(device).indexOf(metric)]
  return value === undefined || Number.isNaN(value) ? undefined : value
}

const mostBytes = 16 * 1024

const parsed = (payload: Uint8Array): { readonly [metric: string]: unknown } | undefined => {
  if (payload.length > mostBytes) return undefined
  try {
    const data: unknown = JSON.parse(Buffer.from(payload).toString('utf8'))
    return typeof data === 'object' && data !== null && !Array.isArray(data) ? { ...data } : undefined
  } catch {
    // Telemetry is not signed and nothing depends on it.
    return undefined
  }
}
