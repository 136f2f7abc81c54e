import { describeError, Fault } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import type { AgentBus } from '../../wire/bus.ts'
import type { Command } from '../../wire/payloads.ts'
import { type MessageSocket, webSocket } from '../../wire/side-channel/message-socket.ts'
import { type Mux, type MuxLimits, mux, webSocketLimits } from '../../wire/side-channel/mux.ts'
import { checkTunnelled, type StreamType } from '../../wire/side-channel/requests.ts'
import { type TunnelEnd, tunnelEnd, tunnelLimits } from '../../wire/side-channel/tunnel.ts'
import { dialHub } from './dial-hub.ts'
import { sessionScope } from './session-scope.ts'
import type { StreamServices } from './stream-service.ts'

/*
 *   `dial` ──> a WebSocket to the hub ────────────────────────────> session: streams served by the table
 *          └─> the hub's port is not reached: a tunnel over MQTT ──> session: logs and processes only
 */

export interface Sessions {
  /** Carries out a `dial` command: resolves when the session stands. @throws Fault Unavailable when the hub is not reached */
  dial(command: Extract<Command, { readonly action: 'dial' }>): Promise<string>
  close(): void
}

/** A hub that restarts may leave one behind for a while. */
const mostSessions = 4
/** A hub whose port was not reached is not tried again for so long: each try makes somebody wait. */
const tunnelMs = 300_000

/**
 * Sessions that the hub asked for: this side dials out, so no port of a device is ever open.
 *
 * @example const sessions = serveSessions({ tls, addresses, serve: { logs: serveLogs(open) }, clock, log }); link.onCommand(…)
 */
export const serveSessions = (of: {
  /** Read anew for every dial. */
  readonly tls: () => { readonly ca: string; readonly cert: string; readonly key: string; readonly servername: string }
  /** `host:port` of the hub's API, tried when the address in the command is not reached. */
  readonly addresses: () => readonly string[]
  /** Each type in its own file of this folder. */
  readonly serve: StreamServices
  /** Where tunnels go; without it there are none. */
  readonly bus?: Pick<AgentBus, 'publishFrame' | 'onFrame'>
  readonly clock: Clock
  readonly log: Log
}): Sessions => {
  const { bus, clock } = of
  const sessions = new Set<Mux>()
  let tunnel: { readonly end: TunnelEnd; readonly session: Mux } | undefined
  let tunnelUntil = Number.NEGATIVE_INFINITY
  const stopFrames = bus?.onFrame(bytes => tunnel?.end.receive(bytes))

  const begin = (socket: MessageSocket, limits: MuxLimits, check: (type: string) => void): Mux => {
    if (sessions.size >= mostSessions) throw new Fault('TooManyRequests', `${mostSessions} sessions are open already`)
    const scope = sessionScope()
    const session = mux({
      socket,
      clock,
      limits,
      // At once: what a stream offers to others must be there when the next is opened.
      async serve(open, stream) {
        check(open.type)
        const service = isStreamType(of.serve, open.type) ? of.serve[open.type] : undefined
        if (service === undefined) throw new Fault('BadRequest', `this agent serves no "${open.type}" streams`)
        const result = await service(open.request, stream, scope)
        stream.finish(result ?? { exitCode: 0 })
      },
      onBreach: error => of.log.warn('the hub broke the rules of a session', { why: describeError(error) }),
    })
    sessions.add(session)
    session.onClose(() => sessions.delete(session))
    return session
  }

  const beginTunnel = async (token: string, to: NonNullable<typeof bus>): Promise<string> => {
    // One at a time: the hub asks for a new one only where it has lost the old.
    tunnel?.session.close('a newer tunnel')
    const end = tunnelEnd({ token, way: 'to the hub', publish: bytes => to.publishFrame(bytes), clock })
    const session = begin(end.socket, tunnelLimits, checkTunnelled)
    const mine = { end, session }
    tunnel = mine
    session.onClose(() => {
      if (tunnel === mine) tunnel = undefined
    })
    await end.greet()
    return 'by a tunnel over MQTT'
  }

  return {
    async dial(command) {
      if (sessions.size >= mostSessions) throw new Fault('TooManyRequests', `${mostSessions} sessions are open already`)
      if (bus !== undefined && clock.monotonic() < tunnelUntil) return await beginTunnel(command.token, bus)
      const named = new URL(command.url)
      try {
        return await dialHub({
          hosts: [named.host, ...of.addresses()],
          path: named.pathname,
          tls: of.tls(),
          clock,
          // At once: the hub's first frame may come with the answer to the upgrade.
          opened: socket => void begin(webSocket(socket), webSocketLimits, () => {}),
        })
      } catch (error) {
        if (bus === undefined) throw error
        of.log.info('the hub is reached by MQTT only: sessions go through a tunnel', { why: describeError(error) })
        const said = await beginTunnel(command.token, bus)
        tunnelUntil = clock.monotonic() + tunnelMs
        return said
      }
    },
    close() {
      stopFrames?.()
      for (const session of sessions) session.close('the agent is stopping')
    },
  }
}

const isStreamType = (services: StreamServices, type: string): type is StreamType => Object.hasOwn(services, type)
