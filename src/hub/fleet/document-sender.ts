import { describeError, isFault } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { type QueueObserver, workQueue } from '../../lib/work-queue.ts'
import type { HubBus } from '../../wire/bus.ts'
import type { DocumentName } from '../../wire/document.ts'
import type { FleetCounts } from '../metrics/fleet-counts.ts'
import type { Objects } from '../objects.ts'
import { dueAt, sent, underWayUntil, want } from './delivery.ts'
import type { HubEnvelopes } from './hub-envelopes.ts'
import { isReachable, type NodeLink } from './node-link.ts'
import type { DocumentIndex, Rendered } from './rendered.ts'

/*
 *   stale(which, node) ──> queue "<which> <node>" ──> render ──> same digest: nothing
 *                                                       │ another: wanted, with this snapshot's order
 *                                                       v
 *                                 due? ──> seal, sign, publish ──> look again after 2 s … 5 min
 */

export interface DocumentSender {
  /** The document of this node may be another one, or is due: it is looked at. */
  stale(which: DocumentName, node: string): void
  /** Renders now, and wants the outcome. undefined: there is nothing for this node yet. */
  renew(link: NodeLink, which: DocumentName): Rendered | undefined
  idle(): Promise<void>
  close(): Promise<void>
}

/** Gets both documents to every node that can be reached. One key a document and node, so at most two runs a node. */
export const documentSender = (of: {
  readonly objects: Objects
  readonly links: ReadonlyMap<string, NodeLink>
  /** Built before anything is stale. */
  readonly indexes: () => Readonly<Record<DocumentName, DocumentIndex>>
  readonly envelopes: HubEnvelopes
  readonly incarnation: number
  readonly term: number
  readonly bus: HubBus
  /** A document that can never be sent as it is; told once while it stays so. */
  readonly cannotSend: (node: string, why: string) => void
  readonly clock: Clock
  readonly log: Log
  readonly counts: FleetCounts
  readonly queues?: ((name: string) => QueueObserver) | undefined
}): DocumentSender => {
  const { clock, links } = of

  const renew = (link: NodeLink, which: DocumentName): Rendered | undefined => {
    // Nothing is awaited between the two: this is one snapshot.
    const present = of.objects.revision
    of.counts.rendered(which)
    const rendered = of.indexes()[which].render(link.node)
    if (rendered === undefined) return undefined
    const tuple = { incarnation: of.incarnation, revision: rendered.revision ?? present, term: of.term }
    link.deliveries[which] = want(link.deliveries[which], { tuple, digest: rendered.digest })
    return rendered
  }

  /**
   * What is being handed to a node's connection: one a key. No worker waits for it, or a few nodes that take nothing
   * would hold up all others.
   */
  const handing = new Map<string, Promise<void>>()
  /** Keys that are looked at again once what is being handed over is through. */
  const asked = new Set<string>()

  const deliver = async (which: DocumentName, node: string): Promise<number | undefined> => {
    const key = `${which} ${node}`
    const link = links.get(node)
    if (link === undefined || !isReachable(link)) return undefined
    if (handing.has(key)) {
      asked.add(key)
      return undefined
    }
    // Of what changes in a row a slow node gets the newest, and not all of it. Not so its pods: those it must start.
    const patience = which === 'net' ? underWayUntil(link.deliveries.net) - clock.monotonic() : 0
    if (patience > 0) return patience
    const rendered = renew(link, which)
    const due = dueAt(link.deliveries[which])
    const { wanted } = link.deliveries[which]
    if (due === undefined || rendered === undefined || wanted === undefined) return undefined
    const wait = due - clock.monotonic()
    if (wait > 0) return wait
    const bytes = of.envelopes.document(node, which, wanted, rendered)
    told.delete(key)
    of.counts.sent(which, link.deliveries[which].attempt > 0)
    link.deliveries[which] = sent(link.deliveries[which], clock.monotonic())
    handing.set(key, hand(key, which, node, bytes))
    return Math.max(1, link.deliveries[which].dueAt - clock.monotonic())
  }

  const hand = async (key: string, which: DocumentName, node: string, bytes: Buffer): Promise<void> => {
    try {
      await of.bus.publish(node, `d/${which}`, bytes)
    } catch (error) {
      of.log.warn('a document was not sent', { key, why: describeError(error) })
    } finally {
      handing.delete(key)
    }
    if (asked.delete(key)) queue.add(key)
  }

  /** By key: why it cannot be sent. Bounded by the number of nodes. */
  const told = new Map<string, string>()

  const observer = of.queues?.('documents')
  const queue = workQueue({
    ...(observer === undefined ? {} : { observer }),
    clock,
    workers: 8,
    run: key => {
      const [which, node = ''] = key.split(' ')
      return deliver(which === 'state' ? 'state' : 'net', node)
    },
    onError(key, error) {
      of.log.warn('a document was not sent', { key, why: describeError(error) })
      const [, node = ''] = key.split(' ')
      const why = isFault(error, 'RequestEntityTooLarge') ? error.message : undefined
      if (why === undefined || told.get(key) === why) return
      told.set(key, why)
      of.cannotSend(node, why)
    },
  })

  return {
    stale(which, node) {
      if (links.has(node)) queue.add(`${which} ${node}`)
    },
    renew,
    async idle() {
      await queue.idle()
      await Promise.all(handing.values())
      await queue.idle()
    },
    // What is being handed over ends with the connections.
    close: () => queue.close(),
  }
}
