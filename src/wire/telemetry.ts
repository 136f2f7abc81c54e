import { count, dictionary, finite, maybe, oneOf, type Parse, record, text } from './parse.ts'
import { time } from './parse-down.ts'

/**
 * Telemetry is for everybody with a telemetry certificate and any MQTT client: plain JSON, no envelope. A device is
 * `node`, or `pod.<namespace>.<name>`.
 */
export interface TelemetryTopics {
  readonly 't/birth': TelemetryBirth
  readonly 't/data': TelemetryData
}

/** Retained: what the numbers of a device mean. An empty message takes the device away. */
export interface TelemetryBirth {
  readonly format: 1
  /** RFC 3339, by the device's clock. */
  readonly time: string
  readonly metrics: { readonly [metric: string]: MetricBirth }
}

export interface MetricBirth {
  /** For people. */
  readonly name: string
  /** `''` where it counts things. */
  readonly unit: string
  /** As Home Assistant names them, where it has one. */
  readonly deviceClass?: string
  readonly stateClass: 'measurement' | 'total_increasing'
}

/**
 * Not retained, QoS 0: the metrics that have left their deadband, by name, beside these two members; all of them
 * every fifteen minutes.
 */
export interface TelemetryData {
  /** RFC 3339, by the device's clock. */
  readonly time: string
  /** Grows by one with each message of a device since its birth: a gap is a lost message. */
  readonly sequence: number
  /** Values by the metric's name. */
  readonly [metric: string]: number | string
}

export const parseTelemetryBirth: Parse<TelemetryBirth> = record<TelemetryBirth>({
  format: oneOf(1),
  time,
  metrics: dictionary(
    200,
    record<MetricBirth>({
      name: text(100),
      unit: text(20),
      deviceClass: maybe(text(60)),
      stateClass: oneOf('measurement', 'total_increasing'),
    }),
  ),
})

/** @throws Fault Malformed naming the member */
export const parseTelemetryData: Parse<TelemetryData> = (value, at) => {
  const known = record<{ readonly time: string; readonly sequence: number }>({ time, sequence: count })(value, at)
  const { time: _time, sequence: _sequence, ...values } = dictionary(202, (member: unknown) => member)(value, at)
  return { ...dictionary(200, finite)(values, at), ...known }
}
