import type { ByteConnection } from '../../lib/byte-connection.ts'
import type { StreamResult } from '../../wire/side-channel/requests.ts'
import type { ServedStream } from '../../wire/side-channel/streams.ts'

/**
 * Puts a connection through to the hub, each way until its own end. Either side's failure ends both.
 *
 * @example return await serveConnection(stream, await dial(target))
 */
export const serveConnection = async (stream: ServedStream, connection: ByteConnection): Promise<StreamResult> => {
  const leave = (): void => connection.close()
  stream.signal.addEventListener('abort', leave, { once: true })
  if (stream.signal.aborted) leave()
  stream.accept()
  const going = (async () => {
    for await (const chunk of stream.incoming) await connection.write(chunk)
    connection.end()
  })()
  const coming = (async () => {
    for await (const chunk of connection.incoming) await stream.write(chunk)
    stream.end()
  })()
  try {
    await Promise.all([going, coming])
    return { exitCode: 0 }
  } finally {
    connection.close()
  }
}
