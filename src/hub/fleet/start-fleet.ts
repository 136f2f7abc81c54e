import type { KeyObject } from 'node:crypto'
import { Fault } from '../../api/fault.ts'
import type { Node } from '../../api/types.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { QueueObserver } from '../../lib/work-queue.ts'
import type { HubBus } from '../../wire/bus.ts'
import { documentNames } from '../../wire/document.ts'
import { parseJson } from '../../wire/parse.ts'
import { parseEvents, parseHello, parseLive, parseResult, parseStatus } from '../../wire/parse-up.ts'
import type { Held, HelloReply, HubNotice, Result } from '../../wire/payloads.ts'
import { fleetCounts } from '../metrics/fleet-counts.ts'
import type { HubMeter } from '../metrics/hub-metrics.ts'
import type { NodeSign } from '../metrics/node-series.ts'
import type { Objects } from '../objects.ts'
import type { UsageSource } from '../ports.ts'
import type { Door } from '../rest/door.ts'
import { assignmentIndex } from './assignment-index.ts'
import { type CommandWish, commandSender } from './command-sender.ts'
import { acknowledge, dueAt, greet } from './delivery.ts'
import { documentSender } from './document-sender.ts'
import { documentsDoor } from './documents-door.ts'
import { eventWriter } from './event-writer.ts'
import { heartbeats } from './heartbeats.ts'
import { hubEnvelopes, type NodeKeys } from './hub-envelopes.ts'
import { neighbourhoodIndex } from './neighbourhood-index.ts'
import { admitsHello, isReachable, type NodeLink, nodeLink, openSession } from './node-link.ts'
import { presence } from './presence.ts'
import type { FleetNetwork } from './render-assignment.ts'
import { statuses } from './statuses.ts'
import { upMessages } from './up-messages.ts'
import { usageMemory } from './usage-memory.ts'
import { watchedUsage } from './watched-usage.ts'

/*
 *   objects change ──> indexes: whose document is stale ──> document-sender ──> d/state, d/net
 *
 *   u/hello  ──> session, order of both documents ──> d/hub ──> both documents looked at
 *   u/status ──> acknowledged; pods and node written through objects; a sign of life
 *   u/ev, u/res ──> Event objects; the command that waits
 */

export interface FleetOptions {
  readonly objects: Objects
  readonly bus: HubBus
  readonly keys: {
    readonly fleet: string
    /** Ed25519. */
    readonly signing: { readonly privateKey: KeyObject; readonly publicKey: KeyObject }
  }
  /** undefined for a node that was removed or never joined. */
  readonly nodeKeys: (node: string) => NodeKeys | undefined
  readonly incarnation: number
  readonly term: number
  readonly clock: Clock
  readonly randomHex: (bytes: number) => string
  readonly log: Log
  readonly hubVersion: string
  readonly network: FleetNetwork
  /** Agents spread their hellos after a start of the hub over this time. */
  readonly reconnectJitterSeconds?: number
  /** Where it is counted what happens here. Absent: nowhere. */
  readonly meter?: HubMeter
  readonly queues?: (name: string) => QueueObserver
}

export interface Fleet {
  readonly usage: UsageSource
  /** Large documents over HTTPS. */
  readonly door: Door
  /** Resolves with the node's result. @throws Fault Unavailable (not connected) | Timeout */
  command(node: string, wish: CommandWish): Promise<Result>
  isConnected(node: string): boolean
  /** What is known now of every node that has spoken since the hub began. */
  signs(): Iterable<NodeSign>
  /** What waits or runs now; for tests and drains. */
  idle(): Promise<void>
  close(): Promise<void>
}

/**
 * The hub's end of the protocol: gives every node what it should run, and writes what nodes report.
 *
 * @example const fleet = await startFleet({ objects, bus, keys, nodeKeys, incarnation, term, … })
 */
export const startFleet = async (of: FleetOptions): Promise<Fleet> => {
  const { objects, bus, clock, log, keys, nodeKeys } = of
  const links = new Map<string, NodeLink>()
  const counts = fleetCounts(of.meter)
  const usage = usageMemory()
  const envelopes = hubEnvelopes({ ...of, fleet: keys.fleet, signing: keys.signing })
  const beat = heartbeats({ objects, clock, log })
  const writeEvents = eventWriter({ objects, clock, log })

  await objects.synced()

  const sender = documentSender({
    ...of,
    counts,
    links,
    envelopes,
    indexes: () => indexes,
    cannotSend: (node, message) => {
      const involved = { kind: 'Node', namespace: '', name: node, uid: nodeKeys(node)?.uid ?? '' } as const
      const time = `${new Date(clock.now()).toISOString().slice(0, 19)}Z`
      void writeEvents(node, [{ type: 'Warning', reason: 'AssignmentTooLarge', message, time, count: 1, involved }])
    },
  })
  const assignments = assignmentIndex({
    objects,
    network: of.network,
    uid: node => nodeKeys(node)?.uid,
    stale: node => sender.stale('state', node),
  })
  const indexes = {
    state: assignments,
    net: neighbourhoodIndex({
      objects,
      clock,
      stale: nodes => {
        for (const node of nodes) sender.stale('net', node)
      },
    }),
  }
  const tell = (node: string, reason: string, message: string): void => {
    const involved = { kind: 'Node' as const, namespace: '', name: node, uid: '' }
    const time = `${new Date(clock.now()).toISOString().slice(0, 19)}Z`
    void writeEvents(node, [{ type: 'Warning', reason, message, time, count: 1, involved }])
  }
  const status = statuses({ objects, usage, clock, podsOf: assignments.podsOf, tell })
  const present = presence({ links, beat, unheard: status.unheard, clock, log })

  const linkOf = (node: string): NodeLink => {
    const link = links.get(node) ?? nodeLink(node)
    links.set(node, link)
    return link
  }

  const commands = commandSender({
    clock,
    counts,
    id: () => of.randomHex(16),
    send: (node, command) => {
      const link = links.get(node)
      if (link === undefined || !isReachable(link))
        throw new Fault('Unavailable', `node "${node}" is not connected to the hub`, { node })
      return bus.publish(node, 'd/cmd', envelopes.toNode(node, 'd/cmd', JSON.stringify(command)))
    },
  })

  const takeHello = async (link: NodeLink, text: string): Promise<void> => {
    const hello = parseJson(text, parseHello, 'u/hello')
    if (!admitsHello(link, clock.monotonic())) return
    const { node } = link
    const session = of.randomHex(16)
    openSession(link, session)
    link.connection = hello.connection
    // Where only wills tell of an end, a hello is the beginning.
    if (!link.isSeenByBroker) present.seen(link, { connected: true, reset: false })
    for (const which of documentNames) {
      sender.renew(link, which)
      link.deliveries[which] = greet(link.deliveries[which], hello[which])
    }
    if (hello.unknownFields.length > 0)
      log.warn('a node does not know fields of its assignment; its agent is older than the hub', {
        node,
        agentVersion: hello.agentVersion,
        fields: hello.unknownFields,
      })
    // Where there is nothing for the node, its order is still told: then no old document is taken either.
    const nothing: Held = {
      tuple: { incarnation: of.incarnation, revision: objects.revision, term: of.term },
      digest: '',
    }
    const reply: HelloReply = {
      format: 1,
      nonce: hello.nonce,
      hubTime: new Date(clock.now()).toISOString(),
      hubVersion: of.hubVersion,
      state: link.deliveries.state.wanted ?? nothing,
      net: link.deliveries.net.wanted ?? nothing,
    }
    await bus.publish(node, 'd/hub', envelopes.toNode(node, 'd/hub', JSON.stringify(reply), { session }))
    for (const which of documentNames) sender.stale(which, node)
  }

  const takeStatus = async (link: NodeLink, text: string): Promise<void> => {
    const report = parseJson(text, parseStatus, 'u/status')
    for (const which of documentNames) {
      const before = link.deliveries[which]
      const now = acknowledge(before, report.applied[which])
      link.deliveries[which] = now
      // What came meanwhile waited for this word.
      const hasCome = which === 'net' && before.acknowledged?.digest !== now.acknowledged?.digest
      if (hasCome || dueAt(now) !== undefined) sender.stale(which, link.node)
    }
    await beat(link.node)
    const { wanted } = link.deliveries.state
    await status.write(link.node, report, wanted !== undefined && report.applied.state?.digest === wanted.digest)
  }

  const up = upMessages({
    fleet: keys.fleet,
    nodeKeys,
    link: linkOf,
    clock,
    log,
    counts,
    takers: {
      'u/hello': takeHello,
      'u/live': (link, text) => {
        const live = parseJson(text, parseLive, 'u/live')
        // The will of an earlier connection is not this one's end.
        if (live.connection === link.connection && !link.isSeenByBroker)
          present.seen(link, { connected: live.up, reset: !live.up })
      },
      'u/status': takeStatus,
      'u/res': (link, text) => commands.result(link.node, parseJson(text, parseResult, 'u/res')),
      'u/ev': (link, text) => writeEvents(link.node, parseJson(text, parseEvents, 'u/ev').events),
    },
  })

  const stops = [
    bus.onMessage(up.receive),
    bus.onPresence((node, now) => {
      // The end of a removed node's connection comes after it was forgotten.
      if (nodeKeys(node) === undefined) return void links.delete(node)
      const link = linkOf(node)
      link.isSeenByBroker = true
      present.seen(link, now)
    }),
    objects.onChange<Node>('Node', (key, node) => {
      if (node !== undefined) return
      usage.forget(key.name)
      links.delete(key.name)
    }),
  ]

  const notice: HubNotice = {
    format: 1,
    incarnation: of.incarnation,
    term: of.term,
    hubTime: new Date(clock.now()).toISOString(),
    reconnectJitterSeconds: of.reconnectJitterSeconds ?? 5,
  }
  await bus.broadcast(envelopes.toAll(JSON.stringify(notice)))

  const isConnected = (node: string): boolean => {
    const link = links.get(node)
    return link !== undefined && isReachable(link)
  }

  of.meter?.read('dunlin_nodes', () => {
    const all = objects.list('Node')
    const connected = all.filter(one => isConnected(one.metadata.name ?? '')).length
    return [
      [['connected'], connected],
      [['away'], all.length - connected],
    ]
  })
  of.meter?.read('dunlin_documents_due', () =>
    documentNames.map(which => [
      [which],
      [...links.values()].filter(link => dueAt(link.deliveries[which]) !== undefined).length,
    ]),
  )

  return {
    usage: watchedUsage({ usage, isConnected, command: commands.command, clock, log }),
    door: documentsDoor({
      envelope: (node, which, digest) => {
        const link = linkOf(node)
        const rendered = sender.renew(link, which)
        const { wanted } = link.deliveries[which]
        if (rendered === undefined || wanted?.digest !== digest) return undefined
        return envelopes.wholeDocument(node, which, wanted, rendered)
      },
    }),
    command: commands.command,
    isConnected,
    *signs() {
      const now = clock.monotonic()
      for (const link of links.values()) {
        yield {
          node: link.node,
          isConnected: isReachable(link),
          heardSecondsAgo: link.heardAt === undefined ? undefined : (now - link.heardAt) / 1000,
          usage: usage.node(link.node),
        }
      }
    },
    async idle() {
      await up.idle()
      await sender.idle()
    },
    async close() {
      for (const stop of stops) stop()
      present.close()
      commands.close()
      for (const index of Object.values(indexes)) index.close()
      await up.idle()
      await sender.close()
    },
  }
}
