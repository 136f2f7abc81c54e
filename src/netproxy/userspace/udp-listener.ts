import type { Socket } from 'node:dgram'
import { createSocket } from 'node:dgram'
import type { Target } from '../../core/services/compile.ts'
import type { Clock } from '../../lib/clock.ts'
import { nameOf } from './choose-target.ts'
import type { Listener, ListenerOptions } from './listener.ts'

/** Clients at once on one place. At the bound the one that came first is forgotten; its next packet makes it a new one. */
const mostClients = 512
const idleMs = 30_000

interface Flow {
  readonly upstream: Socket
  readonly target: Target
  stop: () => void
}

/** Takes UDP packets for a place; each client has a socket of its own to who was chosen for it, until it is silent for 30 s or that one leaves. */
export const udpListener = (of: ListenerOptions & { readonly clock: Clock }): Listener => {
  const flows = new Map<string, Flow>()
  let socket: Socket | undefined

  const end = (key: string): void => {
    const flow = flows.get(key)
    if (flow === undefined) return
    flows.delete(key)
    flow.stop()
    flow.upstream.close()
  }

  const begin = (key: string, target: Target, client: { readonly address: string; readonly port: number }): Flow => {
    const upstream = createSocket('udp4')
    upstream.on('message', packet => socket?.send(packet, client.port, client.address))
    upstream.on('error', () => end(key))
    const flow: Flow = { upstream, target, stop: () => {} }
    flows.set(key, flow)
    for (const oldest of flows.keys()) {
      if (flows.size <= mostClients) break
      end(oldest)
    }
    return flow
  }

  const take = (packet: Buffer, client: { readonly address: string; readonly port: number }): void => {
    const key = `${client.address} ${client.port}`
    const targets = of.targetsFor(client.address)
    let flow = flows.get(key)
    if (flow !== undefined && !targets.some(target => nameOf(target) === nameOf(flow?.target ?? target))) {
      end(key)
      flow = undefined
    }
    const [chosen] = targets
    if (flow === undefined && chosen !== undefined) flow = begin(key, chosen, client)
    if (flow === undefined) return
    flow.stop()
    flow.stop = of.clock.after(idleMs, () => end(key))
    flow.upstream.send(packet, flow.target.port, flow.target.address)
  }

  return {
    start: () =>
      new Promise((resolve, reject) => {
        const made = createSocket('udp4')
        made.once('error', reject)
        made.bind(of.port, of.address, () => {
          made.off('error', reject)
          made.on('error', of.onError)
          made.on('message', take)
          socket = made
          resolve()
        })
      }),
    drop(isGone) {
      for (const [key, { target }] of flows) if (isGone(target.address)) end(key)
    },
    async retire() {
      await this.close()
    },
    isBusy: false,
    close: () =>
      new Promise(resolve => {
        for (const key of flows.keys()) end(key)
        if (socket === undefined) return resolve()
        socket.close(() => resolve())
        socket = undefined
      }),
  }
}
