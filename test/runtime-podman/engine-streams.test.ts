import { createServer, type RequestListener } from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { TarRefusal } from '../../src/lib/tar-guard.ts'
import { engineStreams } from '../../src/runtime-podman/streams/engine-streams.ts'
import { fails } from '../support/fails.ts'
import { folderOf } from '../support/folder-of.ts'

/** An upload to an engine that answers in this way. */
const uploadTo = async (t: Test, answer: RequestListener) => {
  const socket = join(folderOf(t), 'engine.sock')
  const server = createServer(answer)
  await new Promise<void>(resolve => server.listen(socket, resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const streams = engineStreams({ socket, ensureService: async () => {} })
  const { signal } = new AbortController()
  return (body: AsyncIterable<Uint8Array>) =>
    streams.upload({ path: '/containers/x/archive', doing: 'copying into a container', signal }, body)
}

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) yield Buffer.alloc(64 * 1024)
}

t.test('what is sent may refuse itself: that is the reason, and no word of the engine', async t => {
  const upload = await uploadTo(t, request => void request.resume())
  async function* refusing(): AsyncGenerator<Uint8Array> {
    yield Buffer.alloc(1024)
    throw new TarRefusal('"../up" leads out of the folder')
  }
  const error = await upload(refusing()).catch((error: unknown) => error)
  t.ok(error instanceof TarRefusal)
  t.match(error, { message: '"../up" leads out of the folder' })
})

t.test('an engine that refuses before it has read all is heard', async t => {
  const upload = await uploadTo(t, (request, response) => {
    request.once('data', () => {
      response.writeHead(409, { 'content-type': 'application/json' })
      response.end('{"message":"container is gone"}', () => request.destroy())
    })
  })
  await fails(t, upload(endless()), 'Runtime', /container is gone/)
})

t.test('a connection that breaks is one', async t => {
  const upload = await uploadTo(t, request => void request.once('data', () => request.destroy()))
  await fails(t, upload(endless()), 'Unavailable', /copying into a container: the connection to the engine broke/)
})
