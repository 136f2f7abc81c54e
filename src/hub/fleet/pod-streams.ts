import { Fault } from '../../api/fault.ts'
import type { Pod } from '../../api/types.ts'
import type { ByteStream, PodStreams } from '../ports.ts'
import type { NodeSessions, StreamOpener } from './node-sessions.ts'
import { remoteProcess, whileStreaming } from './remote-process.ts'

/** Archives out of a container and into it: what kubectl's cp does with a tar in the image, without one. */
export interface PodCopies {
  /** A tar archive of `path`, whose first name is its last part. */
  copyOut(pod: Pod, container: string, path: string, signal: AbortSignal): Promise<ByteStream>
  /** Write the archive, then `end`; `incoming` ends when it is unpacked in the folder `path`, or throws why not. */
  copyIn(pod: Pod, container: string, path: string, signal: AbortSignal): Promise<ByteStream>
}

/**
 * Processes, connections and archives of pods, from their nodes.
 *
 * @example const streams = podStreams({ sessions }); const sh = await streams.exec(pod, 'web', { command, … }, signal)
 */
export const podStreams = (of: { readonly sessions: Pick<NodeSessions, 'session'> }): PodStreams & PodCopies => {
  const sessionOf = async (pod: Pod, signal: AbortSignal): Promise<StreamOpener> => {
    const node = pod.spec?.nodeName
    const { namespace = 'default', name = '' } = pod.metadata
    if (node === undefined || node === '')
      throw new Fault('BadRequest', `pod "${name}" has no node yet: nothing of it runs`, { namespace, name })
    signal.throwIfAborted()
    return await of.sessions.session(node)
  }
  const copy = async (
    type: 'copy-out' | 'copy-in',
    pod: Pod,
    place: { readonly container: string; readonly path: string },
    signal: AbortSignal,
  ) => {
    const session = await sessionOf(pod, signal)
    return await byteStream(session.open(type, { ...podPlace(pod), ...place }), signal)
  }
  return {
    async exec(pod, container, request, signal) {
      const session = await sessionOf(pod, signal)
      return await remoteProcess({
        session,
        type: 'exec',
        request: { ...podPlace(pod), container, ...request },
        signal,
      })
    },
    async attach(pod, container, request, signal) {
      const session = await sessionOf(pod, signal)
      return await remoteProcess({
        session,
        type: 'attach',
        request: { ...podPlace(pod), container, ...request },
        signal,
      })
    },
    async forward(pod, port, signal) {
      const session = await sessionOf(pod, signal)
      return await byteStream(session.open('forward', { ...podPlace(pod), port }), signal)
    },
    copyOut: (pod, container, path, signal) => copy('copy-out', pod, { container, path }, signal),
    copyIn: (pod, container, path, signal) => copy('copy-in', pod, { container, path }, signal),
  }
}

const podPlace = (pod: Pod) => {
  const { namespace = 'default', name = '', uid = '' } = pod.metadata
  return { podUid: uid, namespace, name }
}

/** Resolves when the node serves it. */
const byteStream = async (stream: ReturnType<StreamOpener['open']>, signal: AbortSignal): Promise<ByteStream> => {
  whileStreaming(stream, signal, why => stream.reset(why))
  await stream.accepted
  return stream
}
