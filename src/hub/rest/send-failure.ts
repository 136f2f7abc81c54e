import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Fault } from '../../api/fault.ts'
import { sendResponse } from './send-response.ts'
import { failureStatus } from './status-object.ts'

/** Answers with a Status that says what failed, as clients of Kubernetes read it. */
export const sendFailure = async (
  request: IncomingMessage,
  response: ServerResponse,
  failure: Fault,
): Promise<void> => {
  // A stream that has begun can only break off: its reader comes again.
  if (response.headersSent) {
    response.destroy()
    return
  }
  const headers: { [name: string]: string } = { 'content-type': 'application/json' }
  if (failure.reason === 'TooManyRequests' || failure.reason === 'Unavailable') headers['retry-after'] = '1'
  if (failure.reason === 'Unauthorized') headers['www-authenticate'] = 'Bearer realm="dunlin"'
  // What was not read of a body must not be taken for the next request.
  if (!request.complete) headers['connection'] = 'close'
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  await sendResponse(request, response, {
    status: failure.status,
    headers,
    body: JSON.stringify(failureStatus(failure)),
  })
}
