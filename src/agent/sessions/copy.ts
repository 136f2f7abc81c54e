import { Fault } from '../../api/fault.ts'
import type { PodRuntime } from '../../core/pods/runtime.ts'
import { guardTar, TarRefusal } from '../../lib/tar-guard.ts'
import { parseCopyRequest } from '../../wire/side-channel/pod-requests.ts'
import { containerOf } from './container-of.ts'
import { type StreamService, streamService } from './stream-service.ts'

/** An archive of a path of a container. */
export const serveCopyOut = (runtime: PodRuntime): StreamService =>
  streamService('copy-out', parseCopyRequest, async (request, stream) => {
    const archive = await runtime.copyOut(await containerOf(runtime, request), request.path, stream.signal)
    stream.accept()
    for await (const chunk of archive) await stream.write(chunk)
    return undefined
  })

/** An archive into a folder of a container. What leaves that folder, links included, ends the copy there. */
export const serveCopyIn = (runtime: PodRuntime): StreamService =>
  streamService('copy-in', parseCopyRequest, async (request, stream) => {
    const id = await containerOf(runtime, request)
    stream.accept()
    try {
      await runtime.copyIn(id, request.path, guardTar(stream.incoming), stream.signal)
    } catch (error) {
      if (error instanceof TarRefusal)
        throw new Fault('Invalid', `the copy was refused: ${error.message}`, { path: request.path }, error)
      throw error
    }
    return undefined
  })
