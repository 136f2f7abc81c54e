import { describeError } from '../../api/fault.ts'
import type { Clock } from '../../lib/clock.ts'
import type { StreamResult } from '../../wire/side-channel/requests.ts'
import type { RemoteProcess } from '../ports.ts'
import { faultFrom } from '../rest/status-object.ts'
import { idleWatch } from './idle-watch.ts'
import type { ProcessClient } from './process-client.ts'
import { paceSizes, sizeReader } from './terminal-sizes.ts'

/*
 *   client.stdin ──> process.stdin        client.sizes ──> process.resize
 *   client.stdout, stderr <── process.stdout, stderr
 *   client.finish <── process.result, when all output is with the client
 *   client gone ──> process.close
 */

/** What became of a session, for the audit. */
export interface SessionEnd {
  /** Bytes from the client and to it. */
  readonly received: number
  readonly sent: number
  readonly why: string
}

/** Connects a client with a process until one of them ends. Never rejects. */
export const serveProcess = async (
  client: ProcessClient,
  process: RemoteProcess,
  { clock }: { readonly clock: Clock },
): Promise<SessionEnd> => {
  let received = 0
  let sent = 0
  const idle = idleWatch(clock, client.fail)

  const leave = (): void => process.close(describeError(client.signal.reason))
  if (client.signal.aborted) leave()
  else client.signal.addEventListener('abort', leave, { once: true })

  const typed = async (): Promise<void> => {
    for await (const chunk of client.stdin) {
      received += chunk.length
      idle.moved()
      await process.stdin.write(chunk)
    }
    process.stdin.end()
  }
  const pace = paceSizes({ resize: size => process.resize(size), clock })
  const sized = async (): Promise<void> => {
    const read = sizeReader()
    for await (const chunk of client.sizes) for (const size of read(chunk)) pace.take(size)
  }
  const shown = async (from: AsyncIterable<Uint8Array>, to: (bytes: Uint8Array) => Promise<void>): Promise<void> => {
    for await (const chunk of from) {
      await to(chunk)
      sent += chunk.length
      idle.moved()
    }
  }

  // A process that has closed its input reads no more: what is still typed is dropped.
  const typing = quiet(typed())
  const sizing = sized().catch(error => client.fail(faultFrom(error)))
  const output = Promise.all([
    quiet(shown(process.stdout, bytes => client.stdout(bytes))),
    quiet(shown(process.stderr, bytes => client.stderr(bytes))),
  ])
  const result = await process.result
  // Then all of the output is with the client, or the client has gone.
  await output
  pace.stop()
  const why = client.signal.aborted ? describeError(client.signal.reason) : endOf(result)
  if (!client.signal.aborted) await quiet(client.finish(result))
  idle.stop()
  client.signal.removeEventListener('abort', leave)
  void typing
  void sizing
  return { received, sent, why }
}

const endOf = ({ exitCode = 0, error }: StreamResult): string =>
  error === undefined ? `exit code ${exitCode}` : error.message

/** A way that broke: either the client has gone, or the process has ended, and both are told of elsewhere. */
const quiet = (way: Promise<void>): Promise<void> => way.then(undefined, () => undefined)
