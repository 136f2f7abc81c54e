import { Fault } from '../../src/api/fault.ts'
import type { AgentBus, HubBus } from '../../src/wire/bus.ts'

/** What a test may do to the messages on their way. Default: everything is handed on at once, in order. */
export interface Courier {
  /** Called for each message; calls `deliver` never, once, later or often. */
  carry(message: CarriedMessage, deliver: (message: CarriedMessage) => void): void
}

export interface CarriedMessage {
  readonly way: 'down' | 'up'
  readonly node: string
  readonly topic: string
  readonly bytes: Uint8Array
}

const honest: Courier = { carry: (message, deliver) => deliver(message) }

export interface FakeAgentBus extends AgentBus {
  connect(): void
  /** `reset`: the connection breaks, it is not ended. */
  disconnect(how: { readonly reset: boolean }): void
  /** How many messages the agent has taken; a held one is not taken yet. */
  readonly taken: number
}

export interface FakeBus {
  readonly hub: HubBus
  agent(node: string): FakeAgentBus
  /** Telemetry that was published, newest last. */
  readonly telemetry: {
    readonly node: string
    readonly topic: string
    readonly text: string
    readonly retain: boolean
  }[]
  /** Every message that the courier was given. */
  readonly carried: CarriedMessage[]
  /** Resolves when no agent's listener is at work on what was delivered. */
  idle(): Promise<void>
}

type HubListener = (node: string, topic: string, bytes: Uint8Array) => void
type FrameListener = Parameters<HubBus['onFrame']>[0]
type PresenceListener = Parameters<HubBus['onPresence']>[0]

/** A bus in memory, with the same contract as the broker and its clients. */
export const fakeBus = (courier: Courier = honest): FakeBus => {
  const hubListeners = new Set<HubListener>()
  const presenceListeners = new Set<PresenceListener>()
  const frameListeners = new Set<FrameListener>()
  const agents = new Map<string, ReturnType<typeof makeAgent>>()
  const telemetry: FakeBus['telemetry'] = []
  const carried: CarriedMessage[] = []

  const deliver = (message: CarriedMessage): void => {
    if (message.topic === 'u/tun') for (const listener of frameListeners) listener(message.node, message.bytes)
    else if (message.way === 'up')
      for (const listener of hubListeners) listener(message.node, message.topic, message.bytes)
    else agents.get(message.node)?.take(message.topic, message.bytes)
  }
  const carry = (message: CarriedMessage): void => {
    carried.push(message)
    courier.carry(message, deliver)
  }
  const present = (node: string, connected: boolean, reset: boolean): void => {
    for (const listener of presenceListeners) listener(node, { connected, reset })
  }

  const makeAgent = (node: string) => {
    const messageListeners = new Set<(topic: string, bytes: Uint8Array) => Promise<void>>()
    const connectionListeners = new Set<(isConnected: boolean) => void>()
    const frameTakers = new Set<(bytes: Uint8Array) => void>()
    let isConnected = false
    let connection = 0
    let taken = 0
    let turn: Promise<void> = Promise.resolve()
    const change = (to: boolean, reset: boolean): void => {
      if (isConnected === to) return
      isConnected = to
      if (to) connection += 1
      present(node, to, reset)
      for (const listener of connectionListeners) listener(to)
    }
    const bus: FakeAgentBus = {
      get isConnected() {
        return isConnected
      },
      get connection() {
        return connection
      },
      get taken() {
        return taken
      },
      async publish(topic, bytes) {
        if (!isConnected) throw new Fault('Unavailable', 'not connected to the broker')
        carry({ way: 'up', node, topic, bytes })
        // As with MQTT, the acknowledgement is heard when no listener is at work any more.
        await turn
      },
      publishTelemetry(topic, bytes, retain) {
        if (isConnected) telemetry.push({ node, topic, text: Buffer.from(bytes).toString(), retain })
      },
      async publishFrame(bytes) {
        if (!isConnected) throw new Fault('Unavailable', 'not connected to the broker')
        carry({ way: 'up', node, topic: 'u/tun', bytes })
      },
      onFrame(listener) {
        frameTakers.add(listener)
        return () => frameTakers.delete(listener)
      },
      onMessage(listener) {
        messageListeners.add(listener)
        return () => messageListeners.delete(listener)
      },
      onConnection(listener) {
        connectionListeners.add(listener)
        return () => connectionListeners.delete(listener)
      },
      connect: () => change(true, false),
      disconnect: ({ reset }) => change(false, reset),
      async close() {
        change(false, false)
      },
    }
    const take = (topic: string, bytes: Uint8Array): void => {
      if (!isConnected) return
      if (topic === 'd/tun') {
        for (const taker of frameTakers) taker(bytes)
        return
      }
      const mine = connection
      turn = turn.then(async () => {
        if (mine !== connection || !isConnected) return
        for (const listener of messageListeners) await listener(topic, bytes)
        taken += 1
      })
    }
    return { bus, take, drop: () => change(false, true), idle: () => turn }
  }

  return {
    telemetry,
    carried,
    async idle() {
      await Promise.all([...agents.values()].map(agent => agent.idle()))
    },
    agent(node) {
      const agent = agents.get(node) ?? makeAgent(node)
      agents.set(node, agent)
      return agent.bus
    },
    hub: {
      async publish(node, topic, bytes) {
        carry({ way: 'down', node, topic, bytes })
      },
      async broadcast(bytes) {
        for (const node of agents.keys()) carry({ way: 'down', node, topic: 'b/hub', bytes })
      },
      onMessage(listener) {
        hubListeners.add(listener)
        return () => hubListeners.delete(listener)
      },
      async publishFrame(node, bytes) {
        if (agents.get(node)?.bus.isConnected !== true)
          throw new Fault('Unavailable', `node "${node}" is not connected`)
        carry({ way: 'down', node, topic: 'd/tun', bytes })
      },
      onFrame(listener) {
        frameListeners.add(listener)
        return () => frameListeners.delete(listener)
      },
      onPresence(listener) {
        presenceListeners.add(listener)
        return () => presenceListeners.delete(listener)
      },
      drop(node) {
        agents.get(node)?.drop()
      },
    },
  }
}
