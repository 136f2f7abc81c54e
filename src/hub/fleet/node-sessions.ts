import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { WebSocketServer } from 'ws'
import { Fault } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { HubBus } from '../../wire/bus.ts'
import type { Result } from '../../wire/payloads.ts'
import { webSocket } from '../../wire/side-channel/message-socket.ts'
import { type Mux, mux } from '../../wire/side-channel/mux.ts'
import { checkTunnelled, type StreamRequests, type StreamType } from '../../wire/side-channel/requests.ts'
import type { OpenedStream } from '../../wire/side-channel/streams.ts'
import { groups, nodeUser } from '../identity/caller.ts'
import type { Door } from '../rest/door.ts'
import type { CommandWish } from './command-sender.ts'
import { tunnelDoor } from './tunnel-door.ts'

/*
 *   open(node) ──> a session is there: a stream in it
 *              └─> none: signed command `dial` with a token ──> the node dials /dunlin/v1/sessions/<token> ──> session
 *                                                          └──> it cannot: a tunnel over MQTT, of that token ──> session
 *   60 s without a stream ──> closed
 */

export const sessionsPrefix = '/dunlin/v1/sessions'

const idleMs = 60_000
const dialMs = 15_000
/** However long its streams want to stay: the node dials again. */
const mostSessionMs = 12 * 3_600_000
const mostMessageBytes = 64 * 1024

/** One session of a node: streams that must share one, as a process and its standard error, are opened here. */
export interface StreamOpener {
  /** @throws Fault Unavailable when the session is over; TooManyRequests; RequestEntityTooLarge */
  open<Type extends StreamType>(type: Type, request: StreamRequests[Type]): OpenedStream
}

export interface NodeSessions {
  readonly door: Door
  /** The session of a node; the node is made to dial where there is none. @throws Fault Unavailable | Timeout */
  session(node: string): Promise<StreamOpener>
  /** A stream in it. @throws Fault Unavailable | Timeout | TooManyRequests */
  open<Type extends StreamType>(node: string, type: Type, request: StreamRequests[Type]): Promise<OpenedStream>
  /** Ends the session of a node, e.g. when it was removed. */
  drop(node: string): void
  /** Sessions that are open, and the streams in them. */
  counts(): { readonly sessions: number; readonly streams: number }
  close(): void
}

interface Waiting {
  readonly token: string
  readonly come: (session: Session) => void
  readonly promise: Promise<Session>
}

interface Session extends StreamOpener {
  readonly mux: Mux
}

/**
 * Sessions that nodes dialled on demand: one a node, shared by all its streams.
 *
 * @example const sessions = nodeSessions({ command: fleet.command, url: 'wss://hub:6443', randomHex, clock, log })
 */
export const nodeSessions = (of: {
  readonly command: (node: string, wish: CommandWish) => Promise<Result>
  /** How nodes reach this hub: `wss://host:port`. They also try the addresses they know. */
  readonly url: string
  readonly randomHex: (bytes: number) => string
  /** Where tunnels come from; without it there are none. */
  readonly bus?: Pick<HubBus, 'publishFrame' | 'onFrame'>
  readonly clock: Clock
  readonly log: Log
}): NodeSessions => {
  const sessions = new Map<string, Session>()
  const waiting = new Map<string, Waiting>()
  const server = new WebSocketServer({ noServer: true, maxPayload: mostMessageBytes, perMessageDeflate: false })

  const begin = (node: string, session: Session): void => {
    const { mux: mine } = session
    sessions.get(node)?.mux.close('a newer session of this node')
    sessions.set(node, session)
    let cancelIdle = (): void => {}
    const watch = (): void => {
      cancelIdle()
      cancelIdle = of.clock.after(idleMs, () => {
        if (mine.streams === 0) mine.close('idle')
      })
    }
    const cancelLife = of.clock.after(mostSessionMs, () => mine.close('its time is over'))
    mine.onIdle(watch)
    mine.onClose(() => {
      cancelIdle()
      cancelLife()
      if (sessions.get(node) === session) sessions.delete(node)
    })
    watch()
  }

  const onBreach = (node: string) => (error: unknown) =>
    of.log.warn('a node broke the rules of its session', { node, error })

  const tunnels =
    of.bus === undefined
      ? undefined
      : tunnelDoor({
          bus: of.bus,
          tokenOf: node => waiting.get(node)?.token,
          opened(node, mine) {
            const wanted = waiting.get(node)
            waiting.delete(node)
            const session: Session = { mux: mine, open: (type, request) => openTunnelled(mine, type, request) }
            of.log.info('a node is reached by a tunnel over MQTT: its way to the API port is closed', { node })
            begin(node, session)
            wanted?.come(session)
          },
          onBreach,
          clock: of.clock,
        })

  const dial = (node: string): Promise<Session> => {
    const earlier = waiting.get(node)
    if (earlier !== undefined) return earlier.promise
    const token = of.randomHex(32)
    let come: (session: Session) => void = () => {}
    const promise = new Promise<Session>((resolve, reject) => {
      const cancel = of.clock.after(dialMs, () =>
        settle(() =>
          reject(
            new Fault(
              'Timeout',
              `node "${node}" did not open a session within ${dialMs / 1000} s: it reports by MQTT, but cannot reach ${of.url}`,
              { node },
            ),
          ),
        ),
      )
      const settle = (act: () => void): void => {
        cancel()
        if (waiting.get(node)?.token === token) waiting.delete(node)
        act()
      }
      come = session => settle(() => resolve(session))
      of.command(node, { action: 'dial', url: `${of.url}${sessionsPrefix}/${token}`, token }).then(
        result => {
          if (!result.ok)
            settle(() =>
              reject(new Fault('Unavailable', `node "${node}" could not open a session: ${result.message}`, { node })),
            )
        },
        // A result that got lost is no failure while the session comes.
        error => {
          if (!(error instanceof Fault && error.reason === 'Timeout')) settle(() => reject(error))
        },
      )
    })
    // Each that waits for it hears of a failure; it may be that nobody does any more.
    promise.catch(() => undefined)
    waiting.set(node, { token, come, promise })
    return promise
  }

  const admitted = (request: { readonly path: string; readonly caller: Parameters<Door['handle']>[0]['caller'] }) => {
    const node = request.caller.user.slice(nodeUser('').length)
    const isNode = request.caller.by === 'certificate' && request.caller.groups.includes(groups.nodes)
    if (!isNode || request.caller.user !== nodeUser(node))
      throw new Fault(
        'Forbidden',
        `"${request.caller.user}" may not open sessions: only a node may, when it was asked to`,
      )
    const wanted = waiting.get(node)
    if (wanted === undefined || request.path !== `${sessionsPrefix}/${wanted.token}`)
      throw new Fault('Forbidden', `node "${node}" was not asked for this session, or too long ago`, { node })
    return { node, wanted }
  }

  const session = async (node: string): Promise<StreamOpener> => {
    const there = sessions.get(node)
    return there?.mux.isOpen ? there : await dial(node)
  }

  return {
    door: {
      prefix: sessionsPrefix,
      async handle(request) {
        admitted(request)
        throw new Fault('BadRequest', 'a session is opened by a WebSocket upgrade')
      },
      async upgrade(request, socket, head) {
        const { node, wanted } = admitted(request)
        // Used up, whatever becomes of the upgrade.
        waiting.delete(node)
        const message = Object.assign(new IncomingMessage(new Socket()), {
          method: request.method,
          url: request.path,
          headers: request.headers,
        })
        server.handleUpgrade(message, socket, head, ws => {
          const mine = mux({ socket: webSocket(ws), clock: of.clock, onBreach: onBreach(node) })
          const session: Session = { mux: mine, open: (type, request) => mine.open(type, request) }
          begin(node, session)
          wanted.come(session)
        })
      },
    },
    session,
    open: async (node, type, request) => (await session(node)).open(type, request),
    counts: () => ({
      sessions: sessions.size,
      streams: [...sessions.values()].reduce((sum, session) => sum + session.mux.streams, 0),
    }),
    drop: node => sessions.get(node)?.mux.close('the node was removed'),
    close() {
      tunnels?.close()
      for (const session of sessions.values()) session.mux.close('the hub is shutting down')
      server.close()
    },
  }
}

/** One thing at a time, and nothing large. */
const openTunnelled = (session: Mux, type: StreamType, request: unknown): OpenedStream => {
  checkTunnelled(type)
  if (type !== 'stderr' && session.streams > 0)
    throw new Fault(
      'TooManyRequests',
      'the node reaches only the MQTT port of its hub, which carries one log or command at a time: end the other, or let it reach the API port as well',
    )
  return session.open(type, request)
}
