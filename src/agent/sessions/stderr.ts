import { parseStderrRequest } from '../../wire/side-channel/pod-requests.ts'
import { streamService } from './stream-service.ts'

/** The standard error of a process, in a stream of its own, so that neither output waits for the reader of the other. */
export const serveStderr = streamService('stderr', parseStderrRequest, async (request, stream, scope) => {
  const process = await scope.errors.take(request.of)
  stream.accept()
  try {
    for await (const chunk of process.stderr) await stream.write(chunk)
  } finally {
    scope.errors.passed(request.of)
  }
  return undefined
})
