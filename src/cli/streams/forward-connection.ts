import type { Socket } from 'node:net'
import { resetConnection } from '../../lib/reset-connection.ts'
import type { ChannelSocket } from './channel-socket.ts'

/** k8s: with one port, channel 0 carries its bytes and 1 its error; the first message on each is the port. */
const channels = { data: 0, error: 1 } as const
const closing = 255
const mostBytes = 32 * 1024

/**
 * Puts a local connection through to a port elsewhere, until both ways have ended. Resolves to what went wrong there.
 *
 * @throws Fault Unavailable when the hub is lost
 * @example const why = await forwardConnection(connection, await openChannels(context, path, [['ports', '80']], signal))
 */
export const forwardConnection = async (connection: Socket, socket: ChannelSocket): Promise<string | undefined> => {
  let failure = ''
  const named = new Set<number>()
  const up = async (): Promise<void> => {
    for await (const chunk of connection.iterator({ destroyOnReturn: false })) {
      const bytes = chunk instanceof Uint8Array ? chunk : Buffer.from(String(chunk))
      for (let at = 0; at < bytes.length; at += mostBytes)
        await socket.send(channels.data, bytes.subarray(at, at + mostBytes))
    }
    await socket.end(channels.data)
  }
  const down = async (): Promise<void> => {
    for await (const { channel, bytes } of socket.messages) {
      if (channel === closing) {
        if (bytes[0] === channels.data) connection.end()
      } else if (!named.has(channel)) named.add(channel)
      else if (channel === channels.data) {
        if (!connection.write(bytes)) await drained(connection)
      } else if (channel === channels.error) failure += Buffer.from(bytes).toString('utf8').slice(0, 4096)
      if (failure !== '') return
    }
  }
  try {
    // A local program that went away in the middle is no failure of the other side.
    const going = up().catch(() => socket.close())
    await down()
    void going
    if (failure !== '') return failure
    connection.end()
    return undefined
  } finally {
    socket.close()
    if (failure !== '') resetConnection(connection)
  }
}

const drained = (connection: Socket): Promise<void> =>
  new Promise(resolve => {
    const done = (): void => {
      connection.off('drain', done)
      connection.off('close', done)
      resolve()
    }
    connection.on('drain', done)
    connection.on('close', done)
  })
