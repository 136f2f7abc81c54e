import { Readable } from 'node:stream'
import { fleetPrefix, parseTopic } from '../../wire/topic-names.ts'

/** A message that the broker keeps for those who come later. */
interface Retained {
  readonly cmd: 'publish'
  readonly topic: string
  readonly payload: Uint8Array
  readonly qos: 0 | 1
  readonly retain: true
}

interface OfferedPacket {
  readonly topic: string
  readonly payload: Uint8Array | string
  readonly qos?: number
}

/** Births that are kept of one node, and bytes of all; a further one is delivered, but not kept. */
const mostBirthsOfNode = 500
const mostBytes = 64 * 1024 * 1024

/**
 * What aedes asks of its storage. Sessions are clean, so nothing is kept for clients that are away, and of messages
 * only telemetry births: nothing that a restart of the hub may lose.
 */
export const brokerMemory = (fleet: string) => {
  /** Words before the area of a topic: `dunlin/1/<fleet>/`. */
  const prefixWords = fleetPrefix(fleet).split('/').length - 1
  const births = new Map<string, Map<string, Retained>>()
  let bytes = 0
  let messages = 0
  let refused = 0

  const matching = (filters: readonly string[]): Retained[] => {
    const found = new Map<string, Retained>()
    for (const filter of filters) {
      const words = filter.split('/')
      for (const ofNode of birthsUnder(words))
        for (const birth of ofNode.values()) if (matches(words, birth.topic.split('/'))) found.set(birth.topic, birth)
    }
    return [...found.values()]
  }

  /** A node subscribes to what is no telemetry, at every connect: that must not walk through the births of all. */
  const birthsUnder = (filter: readonly string[]): Iterable<Map<string, Retained>> => {
    const [area = '#', node = '#'] = filter.slice(prefixWords)
    if (!['t', '+', '#'].includes(area)) return []
    if (node === '+' || node === '#') return births.values()
    const own = births.get(node)
    return own === undefined ? [] : [own]
  }

  return {
    /** What is kept, and how many births were not. */
    get retained() {
      return { messages, bytes, refused }
    },
    async setup(): Promise<void> {},
    async storeRetained(packet: OfferedPacket): Promise<void> {
      const name = parseTopic(fleet, packet.topic)
      if (name?.of !== 'telemetry' || name.what !== 'birth') return
      const ofNode = births.get(name.node) ?? new Map<string, Retained>()
      const before = ofNode.get(packet.topic)
      const payload = Buffer.from(packet.payload)
      if (before !== undefined) {
        bytes -= before.payload.length
        messages -= 1
        ofNode.delete(packet.topic)
      }
      const isKept = payload.length > 0 && ofNode.size < mostBirthsOfNode && bytes + payload.length <= mostBytes
      if (isKept) {
        ofNode.set(packet.topic, {
          cmd: 'publish',
          topic: packet.topic,
          payload,
          qos: packet.qos === 1 ? 1 : 0,
          retain: true,
        })
        bytes += payload.length
        messages += 1
      } else if (payload.length > 0) refused += 1
      if (ofNode.size > 0) births.set(name.node, ofNode)
      else births.delete(name.node)
    },
    /** The births of a node that was removed. */
    forget(node: string): void {
      for (const birth of births.get(node)?.values() ?? []) {
        bytes -= birth.payload.length
        messages -= 1
      }
      births.delete(node)
    },
    createRetainedStream: (filter: string) => Readable.from(matching([filter])),
    createRetainedStreamCombi: (filters: readonly string[]) => Readable.from(matching(filters)),
    // Sessions are clean: there is nothing to restore, to enqueue or to update.
    async addSubscriptions(): Promise<void> {},
    async removeSubscriptions(): Promise<void> {},
    async subscriptionsByClient(): Promise<readonly never[]> {
      return []
    },
    async subscriptionsByTopic(): Promise<readonly never[]> {
      return []
    },
    async cleanSubscriptions(): Promise<void> {},
    async countOffline() {
      return { subsCount: 0, clientsCount: 0 }
    },
    async outgoingEnqueue(): Promise<void> {},
    async outgoingEnqueueCombi(): Promise<void> {},
    async outgoingUpdate(): Promise<void> {},
    async outgoingClearMessageId(): Promise<undefined> {
      return undefined
    },
    outgoingStream: () => Readable.from([]),
    async cleanIncoming(): Promise<void> {},
    async incomingStorePacket(): Promise<void> {},
    async incomingGetPacket(): Promise<never> {
      throw new Error('QoS 2 is not spoken here')
    },
    async incomingDelPacket(): Promise<void> {},
    // A will lives as long as its connection, in the broker itself.
    async putWill(): Promise<void> {},
    async getWill(): Promise<undefined> {
      return undefined
    },
    async delWill(): Promise<undefined> {
      return undefined
    },
    streamWill: () => Readable.from([]),
    async getClientList() {
      return Readable.from([])
    },
    async destroy(): Promise<void> {},
  }
}

/** MQTT 3.1.1 section 4.7.1: `#` stands for all that follows, and for its parent too. */
const matches = (filter: readonly string[], topic: readonly string[]): boolean => {
  for (const [index, word] of filter.entries()) {
    if (word === '#') return true
    if (index >= topic.length || (word !== '+' && word !== topic[index])) return false
  }
  return filter.length === topic.length
}
