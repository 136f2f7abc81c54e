import { describeError, Fault } from '../../api/fault.ts'
import type { Assignment } from '../../core/nodes/assignment.ts'
import type { Neighbourhood } from '../../core/services/neighbourhood.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { AgentBus } from '../../wire/bus.ts'
import {
  type DocumentName,
  documentBody,
  documentNames,
  mostDocumentBytes,
  mostPlainBytes,
} from '../../wire/document.ts'
import { type Opened, readEnvelope } from '../../wire/envelope.ts'
import { type Parse, parseJson } from '../../wire/parse.ts'
import { parseAssignment } from '../../wire/parse-assignment.ts'
import { parseCommand, parseHelloReply, parseNotice } from '../../wire/parse-down.ts'
import type { Unknowns } from '../../wire/parse-kube.ts'
import { parseNeighbourhood } from '../../wire/parse-neighbourhood.ts'
import type { UpTopics } from '../../wire/topics.ts'
import type { HubLink } from '../hub-link.ts'
import { announcedDocuments } from './announced-documents.ts'
import { commandRunner } from './command-runner.ts'
import { type DocumentSlot, openDocumentSlot } from './document-slot.ts'
import { greetings } from './greeting.ts'
import { type LinkIdentity, liveMessage, upMessage } from './link-identity.ts'
import { listeners } from './listeners.ts'
import { refusals } from './refusals.ts'
import { openSeenCommands } from './seen-commands.ts'

/*
 *   connect ──> u/live, u/hello {nonce} ──> d/hub {nonce, session, order of both documents} ──> full report wanted
 *
 *   d/state, d/net ──> verify ──> order ──> durable ──> u/status {applied} ──> announce
 *   d/cmd          ──> verify ──> in time, first seen ──> run ──> u/res
 *   b/hub          ──> verify ──> another hub or life of it: hello again, spread out
 */

export interface HubLinkOptions {
  readonly bus: AgentBus
  readonly stateFolder: string
  /** On a tmpfs: what is not yet on disk outlives a killed agent there. */
  readonly runFolder?: string
  readonly identity: LinkIdentity
  readonly clock: Clock
  /** 0 up to 1. */
  readonly random: () => number
  readonly randomHex: (bytes: number) => string
  readonly bootId: string
  readonly agentVersion: string
  readonly log: Log
  /** GET from the hub, over TLS with the node's certificate. @throws Fault when larger than `mostBytes` */
  readonly fetchDocument: (path: string, mostBytes: number) => Promise<Uint8Array>
  /** An order alone is written to disk at most once in this time. An hour by default. */
  readonly orderMs?: number
}

/**
 * The agent's end of the protocol. Opens what is persisted, and works without a hub.
 *
 * @example const link = await openHubLink({ bus, stateFolder: '/var/lib/dunlin/agent', identity, … })
 * @throws the file system's error when the state folder cannot be read
 */
export const openHubLink = async (of: HubLinkOptions): Promise<HubLink> => {
  const { bus, identity, clock, log } = of
  const unknowns: Unknowns = { paths: [] }
  const slotOptions = { folder: of.stateFolder, clock, log, orderMs: of.orderMs ?? 3_600_000 }
  const state = await openDocumentSlot<Assignment>({
    ...slotOptions,
    name: 'assignment',
    parse: parseAssignment(unknowns),
  })
  const net = await openDocumentSlot<Neighbourhood>({
    ...slotOptions,
    name: 'neighbourhood',
    parse: parseNeighbourhood,
    putOff: {
      everyMs: 600_000,
      burst: 6,
      settleMs: 3000,
      ...(of.runFolder === undefined ? {} : { copyFolder: of.runFolder }),
    },
  })

  const assignments = listeners<Assignment>()
  const neighbourhoods = listeners<Neighbourhood>()
  const fullReports = listeners<void>()
  const connections = listeners<boolean>()

  let session = ''
  let sequence = 0
  let reportSequence = 0
  let eventSequence = 0
  let heardAt: number | undefined
  /** The hub's wall time minus our monotonic one, so that a wrong clock expires nothing. */
  let hubTimeOffset: number | undefined
  let hubLife = ''
  const refuse = refusals({ clock, log })
  let isClosed = false

  const send = async <Topic extends keyof UpTopics>(topic: Topic, body: UpTopics[Topic]): Promise<void> => {
    sequence += 1
    await bus.publish(topic, upMessage({ identity, session, sequence, now: clock.now() }, topic, body))
  }
  /** Where a lost message is repaired by the next hello. */
  const trySend = <Topic extends keyof UpTopics>(topic: Topic, body: UpTopics[Topic]): Promise<void> =>
    send(topic, body).catch(error =>
      log.debug('a message to the hub was not sent', { topic, why: describeError(error) }),
    )

  const applied = () => ({ ...(state.held && { state: state.held }), ...(net.held && { net: net.held }) })

  /** On its way when this returns. Never awaited where a message is taken: the bus hears nothing until that is done. */
  const acknowledge = (): void => {
    if (session === '') return
    reportSequence += 1
    void trySend('u/status', { format: 1, sequence: reportSequence, bootId: of.bootId, applied: applied() })
  }

  const greeting = greetings({
    clock,
    random: of.random,
    nonce: () => of.randomHex(16),
    say: nonce => {
      void trySend('u/hello', {
        format: 1,
        nonce,
        connection: bus.connection,
        bootId: of.bootId,
        agentVersion: of.agentVersion,
        state: state.held,
        net: net.held,
        unknownFields: unknowns.paths,
      })
    },
  })

  const commands = commandRunner({
    seen: await openSeenCommands(of.stateFolder, log),
    log,
    hubNow: () => (hubTimeOffset === undefined ? undefined : clock.monotonic() + hubTimeOffset),
    result: result => trySend('u/res', result),
  })

  const open = (topic: string, bytes: Uint8Array, mostBytes: number): Opened =>
    readEnvelope(bytes, {
      direction: 'down',
      fleet: identity.fleetId,
      audience: topic === 'b/hub' ? '*' : identity.uid,
      topic,
      verifyKey: id => identity.hubKey(id),
      ...(topic === 'b/hub' ? {} : { open: (sealed, context) => identity.openSealed(sealed, context) }),
      mostPlainBytes: mostBytes,
    })

  /** All nodes of a site get the same document; this one leaves itself out. */
  const parseOthers: Parse<Neighbourhood> = (value, at) => {
    const all = parseNeighbourhood(value, at)
    return { ...all, peers: all.peers.filter(peer => peer.node !== identity.node) }
  }

  const takeDocument = async (which: DocumentName, bytes: Uint8Array): Promise<void> => {
    const opened = open(`d/${which}`, bytes, mostDocumentBytes)
    heardAt = clock.monotonic()
    if (which === 'state') {
      const found: Unknowns = { paths: [] }
      await offer(which, opened, parseAssignment(found), state, assignments.tell, () => {
        unknowns.paths.splice(0, unknowns.paths.length, ...found.paths)
        if (found.paths.length > 0)
          log.warn('the assignment has fields that this version does not know', { fields: found.paths })
      })
    } else await offer(which, opened, parseOthers, net, neighbourhoods.tell, () => {})
  }

  const offer = async <T>(
    which: DocumentName,
    opened: Opened,
    parse: Parse<T>,
    slot: DocumentSlot<T>,
    tell: (document: T) => void,
    beforeTelling: () => void,
  ): Promise<void> => {
    const body = parseJson(opened.text, documentBody(parse), `d/${which}`)
    const held = { tuple: opened.header.tuple, digest: body.digest }
    if (body.document === undefined) {
      if (slot.held?.digest !== body.digest) fetches.want(which, body.digest)
      return
    }
    const outcome = await slot.offer(body.document, held)
    log.debug('a document came', { which, ...held.tuple, ...outcome })
    if (outcome.action === 'ignore' && outcome.reason !== 'the same') return
    acknowledge()
    if (outcome.action !== 'take') return
    beforeTelling()
    tell(body.document)
  }

  const fetches = announcedDocuments({
    fetch: of.fetchDocument,
    take: (which, bytes) => inTurn(() => takeDocument(which, bytes)),
    log,
  })

  const takeReply = async (bytes: Uint8Array): Promise<void> => {
    const { header, text } = open('d/hub', bytes, mostPlainBytes)
    const reply = parseJson(text, parseHelloReply, 'd/hub')
    if (!greeting.answered(reply.nonce)) return
    heardAt = clock.monotonic()
    hubTimeOffset = Date.parse(reply.hubTime) - clock.monotonic()
    session = header.session
    sequence = 0
    await state.confirm(reply.state)
    await net.confirm(reply.net)
    fullReports.tell()
  }

  const takeNotice = (bytes: Uint8Array): void => {
    const notice = parseJson(open('b/hub', bytes, mostPlainBytes).text, parseNotice, 'b/hub')
    const life = `${notice.incarnation}.${notice.term}`
    if (life === hubLife) return
    hubLife = life
    greeting.soon((notice.reconnectJitterSeconds ?? 0) * 1000)
  }

  const takeCommand = async (bytes: Uint8Array): Promise<void> => {
    const command = parseJson(open('d/cmd', bytes, mostPlainBytes).text, parseCommand, 'd/cmd')
    heardAt = clock.monotonic()
    await commands.take(command)
  }

  const takers: { readonly [topic: string]: (bytes: Uint8Array) => Promise<void> | void } = {
    ...Object.fromEntries(
      documentNames.map(which => [`d/${which}`, (bytes: Uint8Array) => takeDocument(which, bytes)]),
    ),
    'd/hub': takeReply,
    'd/cmd': takeCommand,
    'b/hub': takeNotice,
  }

  let turn: Promise<void> = Promise.resolve()
  /** One message after another: order is decided by what the one before left. */
  const inTurn = (act: () => Promise<void> | void): Promise<void> => {
    const mine = turn.then(act)
    // Its caller hears of a failure; the next in turn is not held up by it.
    turn = mine.catch(() => undefined)
    return mine
  }

  const stopMessages = bus.onMessage(async (topic, bytes) => {
    if (isClosed) return
    try {
      await inTurn(() => takers[topic]?.(bytes))
    } catch (error) {
      refuse(topic, error)
    }
  })

  const connected = (isConnected: boolean): void => {
    session = ''
    if (isConnected) {
      void bus
        .publish('u/live', liveMessage({ identity, connection: bus.connection, up: true, now: clock.now() }))
        .catch(error => log.debug('presence was not sent', { why: describeError(error) }))
      greeting.start()
    } else greeting.stop()
    connections.tell(isConnected)
  }
  const stopConnections = bus.onConnection(connected)
  if (bus.isConnected) connected(true)

  const whenGreeted = (): void => {
    if (!bus.isConnected || session === '')
      throw new Fault('Unavailable', 'the hub has not answered yet: not connected', { node: identity.node })
  }

  return {
    get isConnected() {
      return bus.isConnected
    },
    assignment: () => state.document,
    neighbourhood: () => net.document,
    onAssignment: assignments.add,
    onNeighbourhood: neighbourhoods.add,
    onCommand: commands.onCommand,
    onFullReportWanted: fullReports.add,
    async report(report) {
      whenGreeted()
      reportSequence += 1
      await send('u/status', {
        ...report,
        format: 1,
        sequence: reportSequence,
        bootId: of.bootId,
        applied: applied(),
      })
    },
    async events(events) {
      whenGreeted()
      eventSequence += 1
      await send('u/ev', { format: 1, sequence: eventSequence, events })
    },
    telemetry(device, what, json) {
      // An empty retained message takes the one before away. [MQTT-3.3.1-10]
      const bytes = json === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(json))
      bus.publishTelemetry(`${device}/${what}`, bytes, what === 'birth')
    },
    onConnection: connections.add,
    silentForMs: () => (heardAt === undefined ? undefined : clock.monotonic() - heardAt),
    async close() {
      isClosed = true
      stopMessages()
      stopConnections()
      greeting.stop()
      await turn
      await commands.close()
      await state.close()
      await net.close()
    },
  }
}
