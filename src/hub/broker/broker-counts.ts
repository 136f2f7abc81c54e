import type { Sample } from '../../lib/exposition.ts'
import type { HubMeter } from '../metrics/hub-metrics.ts'

/** Why a connection is turned away; why a message is not handed on; why a subscription is refused; how clients leave. */
export type Refusal = 'full' | 'rate' | 'role'
export type Drop = 'slow' | 'topic'
export type SubscribeRefusal = 'topic' | 'many'
export type Leaving = 'said' | 'broken' | 'oversize' | 'slow'
export type Role = 'node' | 'telemetry'

type Tally<Key extends string> = { [key in Key]: number }

const samples = <Key extends string>(tally: Tally<Key>): Iterable<Sample> =>
  Object.entries<number>(tally).map(([key, count]) => [[key], count])

const sum = (tally: Tally<string>): number => Object.values(tally).reduce((all, count) => all + count, 0)

/** A socket of which the bytes are counted, inside TLS. */
interface Counted {
  readonly bytesRead: number
  readonly bytesWritten: number
  once(event: 'close', listener: () => void): unknown
}

/** What happens at the broker, counted by plain additions; `meter` reads it when somebody asks. */
export const brokerCounts = (of: {
  readonly meter: HubMeter | undefined
  readonly retained: () => { readonly messages: number; readonly bytes: number; readonly refused: number }
}) => {
  const refused: Tally<Refusal> = { full: 0, rate: 0, role: 0 }
  const dropped: Tally<Drop> = { slow: 0, topic: 0 }
  const refusedSubscribes: Tally<SubscribeRefusal> = { topic: 0, many: 0 }
  const left: Tally<Leaving> = { said: 0, broken: 0, oversize: 0, slow: 0 }
  const present: Tally<Role> = { node: 0, telemetry: 0 }
  const came: Tally<Role> = { node: 0, telemetry: 0 }
  const messages = { in: 0, out: 0 }
  const slowed = { times: 0 }
  const closedBytes = { in: 0, out: 0 }
  const open = new Set<Counted>()

  const bytes = () => {
    const all = { ...closedBytes }
    for (const socket of open) {
      all.in += socket.bytesRead
      all.out += socket.bytesWritten
    }
    return all
  }

  const { meter } = of
  meter?.read('dunlin_broker_connections', () => samples(present))
  meter?.read('dunlin_broker_connects_total', () => samples(came))
  meter?.read('dunlin_broker_connections_refused_total', () => samples(refused))
  meter?.read('dunlin_broker_disconnects_total', () => samples(left))
  meter?.read('dunlin_broker_messages_total', () => samples(messages))
  meter?.read('dunlin_broker_bytes_total', () => samples(bytes()))
  meter?.read('dunlin_broker_messages_dropped_total', () => samples(dropped))
  meter?.read('dunlin_broker_subscriptions_refused_total', () => samples(refusedSubscribes))
  meter?.read('dunlin_broker_clients_slowed_total', () => [[[], slowed.times]])
  meter?.read('dunlin_broker_retained_messages', () => [[[], of.retained().messages]])
  meter?.read('dunlin_broker_retained_bytes', () => [[[], of.retained().bytes]])
  meter?.read('dunlin_broker_retained_refused_total', () => [[[], of.retained().refused]])

  return {
    refused,
    dropped,
    refusedSubscribes,
    left,
    present,
    came,
    messages,
    slowed,
    get open() {
      return open.size
    },
    /** A connection whose bytes are counted. At most as many as there are connections. */
    socket(socket: Counted): void {
      open.add(socket)
      socket.once('close', () => {
        open.delete(socket)
        closedBytes.in += socket.bytesRead
        closedBytes.out += socket.bytesWritten
      })
    },
    totals: () => ({
      refusedConnections: sum(refused),
      refusedPublishes: dropped.topic,
      refusedSubscribes: sum(refusedSubscribes),
      oversize: left.oversize,
      dropped: dropped.slow,
    }),
  }
}

export type BrokerCounts = ReturnType<typeof brokerCounts>
