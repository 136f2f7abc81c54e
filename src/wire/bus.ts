/**
 * The message bus as each side sees it. Real ones run on MQTT over TLS; the simulation and tests give their own.
 * A bus is trusted with nothing: it may lose, repeat, reorder, invent and read messages.
 */

/** The hub's side. Upstream bytes are unverified envelopes. */
export interface HubBus {
  /** One message to one node, QoS 1; messages to the same node go strictly one after another. Resolves when handed on, not when delivered. */
  publish(node: string, topic: string, bytes: Uint8Array): Promise<void>
  broadcast(bytes: Uint8Array): Promise<void>
  onMessage(listener: (node: string, topic: string, bytes: Uint8Array) => void): () => void
  /** What the broker itself saw of the node's connection. `reset`: it broke, it was not ended by a DISCONNECT. */
  onPresence(
    listener: (node: string, presence: { readonly connected: boolean; readonly reset: boolean }) => void,
  ): () => void
  /** A frame of a tunnel, QoS 0: it may be lost. Resolves when the node's connection has room for more. @throws Fault Unavailable */
  publishFrame(node: string, bytes: Uint8Array): Promise<void>
  onFrame(listener: (node: string, bytes: Uint8Array) => void): () => void
  /** Ends the connection of a node, e.g. after revocation. */
  drop(node: string): void
}

/** The agent's side. */
export interface AgentBus {
  readonly isConnected: boolean
  /** Grows with every connection; the will of a connection carries its number. */
  readonly connection: number
  /** Suffix topic (`u/status`). Rejects with Fault Unavailable when not connected: nothing is queued here. */
  publish(topic: string, bytes: Uint8Array): Promise<void>
  /** Telemetry, QoS 0, dropped when not connected. `topic` is below `t/<node>/`. */
  publishTelemetry(topic: string, bytes: Uint8Array, retain: boolean): void
  /** A frame of a tunnel, QoS 0: it may be lost. Resolves when the connection has room for more. @throws Fault Unavailable */
  publishFrame(bytes: Uint8Array): Promise<void>
  onFrame(listener: (bytes: Uint8Array) => void): () => void
  /**
   * The broker gets its acknowledgement when the listener's promise resolves: after the durable write. Until then
   * nothing else is heard, so a listener may publish, but must not wait for it.
   */
  onMessage(listener: (topic: string, bytes: Uint8Array) => Promise<void>): () => void
  onConnection(listener: (isConnected: boolean) => void): () => void
  close(): Promise<void>
}
