import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { generate } from 'mqtt-packet'

export interface Credentials {
  readonly certificate: string
  readonly key: string
}

/** Where the hub is, and what the attackers have of it. */
export interface Target {
  readonly apiPort: number
  readonly mqttPort: number
  readonly fleet: string
  readonly ca: string
  /** A node that has joined and turned. */
  readonly node: Credentials & { readonly name: string }
  /** Who may read telemetry. */
  readonly reader: Credentials
  /** A user of the API who may do everything. */
  readonly user: Credentials
}

/** Everything of the loopback is this machine's: the attackers come from an address of their own. */
export const hostileAddress = '127.0.0.66'

/** What an attack has open; all of it is closed when it ends. */
export const openSockets = () => {
  const open = new Set<Socket>()
  let opened = 0
  let closed = 0
  const keep = <S extends Socket>(socket: S): S => {
    opened += 1
    open.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => {
      open.delete(socket)
      closed += 1
    })
    return socket
  }
  return {
    counts: () => ({ opened, closedByHub: closed }),
    tcp: (port: number): Socket => keep(connectTcp({ host: '127.0.0.1', port, localAddress: hostileAddress })),
    /** Resolves when the handshake is done, or undefined when it was refused. */
    async tls(target: Target, port: number, by?: Credentials): Promise<TLSSocket | undefined> {
      const socket = keep(
        connect({
          socket: connectTcp({ host: '127.0.0.1', port, localAddress: hostileAddress }).on('error', () => {}),
          ca: target.ca,
          servername: 'localhost',
          checkServerIdentity: () => undefined,
          ...(by === undefined ? {} : { cert: by.certificate, key: by.key }),
        }),
      )
      const closed = ended(socket)
      const secure = once(socket, 'secureConnect').then(
        () => socket,
        () => undefined,
      )
      return await Promise.race([secure, closed])
    },
    closeAll() {
      for (const socket of open) socket.destroy()
    },
  }
}

/** `once` rejects where an error comes first, as a reset does: that is an end as well. */
const ended = (socket: Socket): Promise<undefined> =>
  once(socket, 'close').then(
    () => undefined,
    () => undefined,
  )

export type OpenSockets = ReturnType<typeof openSockets>

export const connectPacket = (clientId: string): Buffer =>
  generate({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, clientId, keepalive: 120 })

export const publishPacket = (topic: string, payload: Buffer, retain = false): Buffer =>
  generate({ cmd: 'publish', topic, payload, qos: 0, dup: false, retain })

export const subscribePacket = (messageId: number, topics: readonly string[]): Buffer =>
  generate({ cmd: 'subscribe', messageId, subscriptions: topics.map(topic => ({ topic, qos: 0 })) })

/** A connection to the broker on which CONNECT was answered; undefined when it was refused. */
export const mqtt = async (
  sockets: OpenSockets,
  target: Target,
  by: Credentials,
  clientId: string,
): Promise<TLSSocket | undefined> => {
  const socket = await sockets.tls(target, target.mqttPort, by)
  if (socket === undefined) return undefined
  socket.write(connectPacket(clientId))
  const answered = once(socket, 'data').then(
    () => socket,
    () => undefined,
  )
  return await Promise.race([answered, ended(socket)])
}
