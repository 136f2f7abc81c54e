import type { HubBus } from '../../wire/bus.ts'
import { parseTopic } from '../../wire/topic-names.ts'

export type TelemetryListener = (node: string, device: string, what: 'birth' | 'data', payload: Uint8Array) => void
type PresenceListener = Parameters<HubBus['onPresence']>[0]

/** What nodes say and whether they are there, told to whoever in the hub listens. */
export interface BrokerNews extends Pick<HubBus, 'onMessage' | 'onFrame' | 'onPresence'> {
  onTelemetry(listener: TelemetryListener): () => void
  presence: PresenceListener
  /** What a node published. False where it is nothing of a node's. */
  heard(topic: string, payload: string | Buffer): boolean
}

export const brokerNews = (fleet: string): BrokerNews => {
  const messages = new Set<Parameters<HubBus['onMessage']>[0]>()
  const presences = new Set<PresenceListener>()
  const frames = new Set<Parameters<HubBus['onFrame']>[0]>()
  const telemetry = new Set<TelemetryListener>()
  const join = <T>(listeners: Set<T>, listener: T): (() => void) => {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }
  return {
    onMessage: listener => join(messages, listener),
    onPresence: listener => join(presences, listener),
    onFrame: listener => join(frames, listener),
    onTelemetry: listener => join(telemetry, listener),
    presence(node, now) {
      for (const listener of presences) listener(node, now)
    },
    heard(topic, payload) {
      const name = parseTopic(fleet, topic)
      if (name === undefined || name.of === 'notice') return false
      const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
      if (name.of === 'telemetry') for (const listener of telemetry) listener(name.node, name.device, name.what, bytes)
      else if (name.suffix === 'u/tun') for (const listener of frames) listener(name.node, bytes)
      else for (const listener of messages) listener(name.node, name.suffix, bytes)
      return true
    },
  }
}
