import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { createServer, type Server, type Socket } from 'node:net'
import { describeError, Fault } from '../../api/fault.ts'
import type { Log } from '../../lib/log.ts'
import type { AnswerQuestion } from './answer.ts'

/** TCP connections at once. Further ones are closed: the client asks again. */
const mostConnections = 64
const idleMs = 10_000

/** A DNS server on one address, by UDP and TCP. */
export interface DnsServer {
  /** @throws {Fault} Machine when the port is taken */
  start(address: string, port?: number): Promise<void>
  readonly isListening: boolean
  /** The port in use; 53 unless another was asked for. */
  readonly port: number
  close(): Promise<void>
}

/** @example const server = dnsServer({ answer, log }); await server.start('10.96.0.10') */
export const dnsServer = (of: { readonly answer: AnswerQuestion; readonly log: Log }): DnsServer => {
  let udp: UdpSocket | undefined
  let tcp: Server | undefined
  let port = 53
  const connections = new Set<Socket>()

  const answer = async (bytes: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer | undefined> => {
    try {
      return await of.answer(bytes, transport)
    } catch (error) {
      of.log.warn('a DNS question could not be answered', { error: describeError(error) })
      return undefined
    }
  }

  const serve = (connection: Socket): void => {
    connections.add(connection)
    connection.setTimeout(idleMs, () => connection.destroy())
    connection.on('close', () => connections.delete(connection))
    // It is the client's connection: whatever ends it, the client knows.
    connection.on('error', () => connection.destroy())
    let rest = Buffer.alloc(0)
    let work = Promise.resolve()
    connection.on('data', chunk => {
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const size = rest.readUInt16BE(0)
        const question = Buffer.from(rest.subarray(2, 2 + size))
        rest = rest.subarray(2 + size)
        // In order; while the answer is awaited no more is read.
        connection.pause()
        work = work.then(async () => {
          const bytes = await answer(question, 'tcp')
          if (bytes === undefined) connection.destroy()
          else if (!connection.destroyed) {
            const length = Buffer.alloc(2)
            length.writeUInt16BE(bytes.length)
            connection.write(Buffer.concat([length, bytes]))
            connection.resume()
          }
        })
      }
    })
  }

  const close = async (): Promise<void> => {
    for (const connection of connections) connection.destroy()
    const [oldUdp, oldTcp] = [udp, tcp]
    udp = undefined
    tcp = undefined
    await Promise.all([
      oldUdp === undefined ? undefined : new Promise<void>(resolve => oldUdp.close(() => resolve())),
      oldTcp === undefined ? undefined : new Promise<void>(resolve => oldTcp.close(() => resolve())),
    ])
  }

  return {
    async start(address, wanted = 53) {
      await close()
      try {
        udp = await bindUdp(address, wanted)
        port = udp.address().port
        tcp = await listenTcp(address, port, serve)
      } catch (cause) {
        await close()
        throw new Fault(
          'Machine',
          `names cannot be resolved on this node: port ${wanted} of ${address} is taken or not ours (${describeError(cause)}). ` +
            'Another DNS server that listens on all addresses must be told to leave that one',
          { address, port: wanted },
          cause,
        )
      }
      const socket = udp
      socket.on('message', (bytes, from) => {
        answer(bytes, 'udp').then(
          reply => {
            if (reply !== undefined && udp === socket) socket.send(reply, from.port, from.address)
          },
          error => of.log.error('DNS', { error: describeError(error) }),
        )
      })
      socket.on('error', error => of.log.warn('DNS by UDP', { error: error.message }))
    },
    get isListening() {
      return udp !== undefined && tcp?.listening === true
    },
    get port() {
      return port
    },
    close,
  }
}

const bindUdp = (address: string, port: number): Promise<UdpSocket> =>
  new Promise((resolve, reject) => {
    const socket = createSocket('udp4')
    socket.once('error', reject)
    socket.bind(port, address, () => {
      socket.off('error', reject)
      resolve(socket)
    })
  })

const listenTcp = (address: string, port: number, serve: (connection: Socket) => void): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer(serve)
    server.maxConnections = mostConnections
    server.once('error', reject)
    server.listen(port, address, () => {
      server.off('error', reject)
      resolve(server)
    })
  })
