import { type LogRequest, parseLogRequest } from '../../wire/side-channel/requests.ts'
import { type StreamService, streamService } from './stream-service.ts'

/** Throws or rejects with a Fault where there is no such log. The chunks are what kubectl prints. */
export type OpenLog = (
  request: LogRequest,
  signal: AbortSignal,
) => AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>

export const serveLogs = (open: OpenLog): StreamService =>
  streamService('logs', parseLogRequest, async (request, stream) => {
    const chunks = await open(request, stream.signal)
    stream.accept()
    for await (const chunk of chunks) {
      if (stream.signal.aborted) return undefined
      await stream.write(chunk)
    }
    return undefined
  })
