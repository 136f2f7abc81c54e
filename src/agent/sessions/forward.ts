import { connect } from 'node:net'
import { describeError, Fault } from '../../api/fault.ts'
import type { PodRuntime } from '../../core/pods/runtime.ts'
import type { ByteConnection } from '../../lib/byte-connection.ts'
import { socketConnection } from '../../lib/socket-connection.ts'
import { parseForwardRequest } from '../../wire/side-channel/pod-requests.ts'
import { serveConnection } from './serve-connection.ts'
import { type StreamService, streamService } from './stream-service.ts'

const dialMs = 5000

/** A connection to a port of a pod: by its address, else from inside its network, where its localhost is. */
export const serveForward = (of: {
  readonly runtime: Pick<PodRuntime, 'connect'>
  /** Undefined where the pod is not here, or has no address. */
  readonly podAddress: (podUid: string) => string | undefined
}): StreamService =>
  streamService('forward', parseForwardRequest, async (request, stream) => {
    const address = of.podAddress(request.podUid)
    const connection =
      (address === undefined ? undefined : await dialIfListening(address, request.port, stream.signal)) ??
      (await dialInside(of.runtime, request, stream.signal))
    return await serveConnection(stream, connection)
  })

const dialInside = async (
  runtime: Pick<PodRuntime, 'connect'>,
  request: { readonly podUid: string; readonly namespace: string; readonly name: string; readonly port: number },
  signal: AbortSignal,
): Promise<ByteConnection> => {
  try {
    return await runtime.connect(request.podUid, request.port, signal)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const where = `port ${request.port} of pod "${request.namespace}/${request.name}"`
    throw new Fault(error.reason, `${where} cannot be reached: ${describeError(error)}`, {}, error)
  }
}

/** Undefined where nothing listens there. */
const dialIfListening = (host: string, port: number, signal: AbortSignal): Promise<ByteConnection | undefined> =>
  new Promise(resolve => {
    const socket = connect({ host, port, allowHalfOpen: true, signal })
    socket.setTimeout(dialMs, () => socket.destroy())
    socket.once('connect', () => {
      socket.setTimeout(0)
      resolve(socketConnection(socket))
    })
    // What was refused here may be reached inside: that says why not.
    socket.once('error', () => resolve(undefined))
    socket.once('close', () => resolve(undefined))
  })
