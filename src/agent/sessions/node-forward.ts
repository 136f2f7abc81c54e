import { lookup } from 'node:dns/promises'
import { connect, type Socket } from 'node:net'
import { describeError, Fault } from '../../api/fault.ts'
import { judgeForward } from '../../core/access/device-policy.ts'
import { parseNodeForwardRequest } from '../../wire/side-channel/node-requests.ts'
import type { ServedStream } from '../../wire/side-channel/streams.ts'
import { demandAllowed, type ReadPolicy } from './device-policy-file.ts'
import { type StreamService, streamService } from './stream-service.ts'

const connectMs = 10_000

/**
 * A TCP connection from this device to itself or to its LAN, as its policy allows. The name is looked up once, here, and
 * what was judged is what is dialled.
 *
 * With `onlyAsk` nothing is dialled: whether the policy allows it is all that is asked.
 *
 * @throws Fault Forbidden as the policy says; Unavailable when nobody answers there
 */
export const serveNodeForward = (of: { readonly policy: ReadPolicy }): StreamService =>
  streamService('node-forward', parseNodeForwardRequest, async ({ host, port, onlyAsk }, stream) => {
    const policy = await of.policy()
    const found = await lookup(host, { all: true }).catch((error: unknown) => {
      demandAllowed(judgeForward(policy, { host, port, addresses: [] }))
      throw new Fault('NotFound', `this device does not know the host ${host}: ${describeError(error)}`, {}, error)
    })
    const addresses = found.map(one => one.address)
    demandAllowed(judgeForward(policy, { host, port, addresses }))
    if (onlyAsk === true) {
      stream.accept()
      return undefined
    }
    const socket = await dial(addresses, port, host)
    stream.accept()
    await pass(socket, stream)
    return undefined
  })

const dial = async (addresses: readonly string[], port: number, host: string): Promise<Socket> => {
  const failures: string[] = []
  for (const address of addresses) {
    try {
      return await dialOne(address, port)
    } catch (error) {
      failures.push(describeError(error))
    }
  }
  throw new Fault('Unavailable', `no connection from this device to ${host}:${port} (${failures.join('; ')})`)
}

const dialOne = (host: string, port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true })
    const limit = setTimeout(() => socket.destroy(new Error(`no answer within ${connectMs / 1000} s`)), connectMs)
    socket.once('connect', () => {
      clearTimeout(limit)
      socket.off('error', reject)
      resolve(socket)
    })
    socket.once('error', reject)
    socket.once('close', () => clearTimeout(limit))
  })

/** Both ways, each ended by itself, until both have. */
const pass = async (socket: Socket, stream: ServedStream): Promise<void> => {
  const leave = (): void => void socket.destroy()
  stream.signal.addEventListener('abort', leave, { once: true })
  if (stream.signal.aborted) leave()
  const broken = new Promise<never>((_resolve, reject) => {
    socket.once('error', error => reject(new Fault('Unavailable', `the connection broke: ${error.message}`, {}, error)))
  })
  broken.catch(() => undefined)
  const down = async (): Promise<void> => {
    for await (const chunk of socket.iterator({ destroyOnReturn: false }))
      await stream.write(chunk instanceof Uint8Array ? chunk : Buffer.from(String(chunk)))
    stream.end()
  }
  const up = async (): Promise<void> => {
    for await (const chunk of stream.incoming)
      if (!socket.write(chunk)) await Promise.race([broken, new Promise(resolve => socket.once('drain', resolve))])
    socket.end()
  }
  try {
    await Promise.race([broken, Promise.all([down(), up()])])
  } finally {
    socket.destroy()
  }
}
