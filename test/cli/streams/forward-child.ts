import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { forwardConnection } from '../../../src/cli/streams/forward-connection.ts'

/** One connection whose other side refuses; then there is nothing left to do, and the process leaves. */
const port = Buffer.from([80, 0])
async function* refused() {
  yield { channel: 0, bytes: port }
  yield { channel: 1, bytes: port }
  await new Promise(resolve => setTimeout(resolve, 50))
  yield { channel: 1, bytes: Buffer.from('no connections are forwarded') }
}
const nothing = async (): Promise<void> => {}
const server = createServer({ allowHalfOpen: true }, connection => {
  connection.on('error', () => {})
  void forwardConnection(connection, {
    headers: {},
    send: nothing,
    end: nothing,
    close: () => {},
    messages: refused(),
  }).then(why => process.stdout.write(`${why}\n`))
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const address = server.address()
const client = connect(typeof address === 'object' && address !== null ? address.port : 0, '127.0.0.1')
client.on('error', () => {})
client.write('hello')
await new Promise<void>(resolve => client.once('close', () => resolve()))
server.close()
