import type { Clock } from '../../lib/clock.ts'
import type { HubBus } from '../../wire/bus.ts'
import { type Mux, mux } from '../../wire/side-channel/mux.ts'
import { type TunnelEnd, tunnelEnd, tunnelLimits } from '../../wire/side-channel/tunnel.ts'
import { readTunnelFrame, tunnelIdOf, tunnelKeys } from '../../wire/side-channel/tunnel-frame.ts'

/**
 * Where tunnels over MQTT come in: a node that was asked to dial, and cannot, greets with a frame that only who has the
 * token of that command can make. Frames of no tunnel are left alone: anyone with a node's certificate may send them.
 */
export const tunnelDoor = (of: {
  readonly bus: Pick<HubBus, 'publishFrame' | 'onFrame'>
  /** Of the dial that is waited for; undefined: none is. */
  readonly tokenOf: (node: string) => string | undefined
  /** The token is used up. */
  readonly opened: (node: string, session: Mux) => void
  readonly onBreach: (node: string) => (error: unknown) => void
  readonly clock: Clock
}) => {
  /** One a node. */
  const tunnels = new Map<string, { readonly id: string; readonly end: TunnelEnd }>()

  const greeted = (node: string, bytes: Uint8Array): void => {
    const token = of.tokenOf(node)
    if (token === undefined) return
    const keys = tunnelKeys(token)
    if (tunnelIdOf(bytes) !== keys.id || !isGreeting(keys, bytes)) return
    const end = tunnelEnd({
      token,
      way: 'to the node',
      publish: frame => of.bus.publishFrame(node, frame),
      clock: of.clock,
    })
    const tunnel = { id: keys.id, end }
    tunnels.set(node, tunnel)
    const session = mux({ socket: end.socket, clock: of.clock, limits: tunnelLimits, onBreach: of.onBreach(node) })
    session.onClose(() => {
      if (tunnels.get(node) === tunnel) tunnels.delete(node)
    })
    end.receive(bytes)
    of.opened(node, session)
  }

  const stop = of.bus.onFrame((node, bytes) => {
    const tunnel = tunnels.get(node)
    if (tunnel !== undefined && tunnelIdOf(bytes) === tunnel.id) tunnel.end.receive(bytes)
    else greeted(node, bytes)
  })
  return { close: stop }
}

const isGreeting = (keys: ReturnType<typeof tunnelKeys>, bytes: Uint8Array): boolean => {
  try {
    const frame = readTunnelFrame(keys, 'to the hub', bytes)
    return frame.kind === 'hello' && frame.number === 0
  } catch {
    return false // Made by somebody without the token.
  }
}
