import type { PodRuntime } from '../../core/pods/runtime.ts'
import { parseAttachRequest, parseExecRequest } from '../../wire/side-channel/pod-requests.ts'
import { containerOf } from './container-of.ts'
import { serveProcess } from './serve-process.ts'
import { type StreamService, streamService } from './stream-service.ts'

/** A command in a container. It is ended when its stream is given up. */
export const serveExec = (runtime: PodRuntime): StreamService =>
  streamService('exec', parseExecRequest, (request, stream, scope) =>
    serveProcess({
      request,
      stream,
      scope,
      start: async signal => await runtime.openExec(await containerOf(runtime, request), request, signal),
    }),
  )

/** The first process of a container. It lives on. */
export const serveAttach = (runtime: PodRuntime): StreamService =>
  streamService('attach', parseAttachRequest, (request, stream, scope) =>
    serveProcess({
      request,
      stream,
      scope,
      start: async signal => await runtime.attach(await containerOf(runtime, request), request, signal),
    }),
  )
