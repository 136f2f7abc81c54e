import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import t, { type Test } from 'tap'
import { type Fault, isFault } from '../../src/api/fault.ts'
import { causeOf, type EngineClient, engineClient, isBroken } from '../../src/runtime-podman/client.ts'
import { imagesOf } from '../../src/runtime-podman/images.ts'

/** A client of a server that answers as `answer` does, on a socket of its own. */
const against = async (t: Test, answer: RequestListener) => {
  // The path of a unix socket has 107 bytes at most: unix(7).
  const folder = mkdtempSync('/tmp/dunlin-client-')
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const socket = `${folder}/engine.sock`
  const starts: number[] = []
  const listen = async () => {
    const server = createServer(answer)
    await new Promise<void>(resolve => server.listen(socket, resolve))
    t.teardown(() => server.close())
    return server
  }
  const client = engineClient({
    socket,
    ensureService: async () => {
      if (starts.length === 0) await listen()
      starts.push(1)
    },
  })
  t.teardown(() => client.close())
  return { client, starts }
}

const faultOf = async (deed: Promise<unknown>): Promise<Fault> => {
  try {
    await deed
  } catch (error) {
    if (isFault(error)) return error
    throw error
  }
  throw new Error('it did not fail')
}

const ask = (client: EngineClient, method: 'GET' | 'POST' = 'GET') =>
  client.json({ path: '/containers/json', method, doing: 'list containers', timeoutMs: 300 })

t.test('calls go to the one prefix, with the query and the body', async t => {
  const seen: unknown[] = []
  const { client } = await against(t, (request, response) => {
    let body = ''
    request.on('data', chunk => {
      body += chunk
    })
    request.on('end', () => {
      seen.push([request.method, request.url, request.headers['content-type'], body])
      response.end('{"Id":"x"}')
    })
  })
  const answer = await client.json({
    method: 'POST',
    path: '/containers/create',
    query: { a: 'b c' },
    body: { n: 1 },
    doing: 'create',
  })
  t.strictSame(answer, { Id: 'x' })
  t.strictSame(seen, [['POST', '/v4.0.0/libpod/containers/create?a=b+c', 'application/json', '{"n":1}']])
})

t.test('an error is known by its cause, whatever the status', async t => {
  for (const status of [404, 409, 500]) {
    const { client } = await against(t, (_request, response) => {
      response.writeHead(status)
      response.end('{"cause":"Image not known","message":"no such thing: Image not known","response":500}')
    })
    const fault = await faultOf(ask(client))
    t.equal(fault.reason, 'Runtime')
    t.equal(causeOf(fault), 'image not known')
    t.equal(fault.message, 'list containers: no such thing: Image not known')
  }
})

t.test('nonsense is called nonsense', async t => {
  const nonsense = ['<html>hello</html>', '{"unclosed":', 'null garbage']
  for (const text of nonsense) {
    const { client } = await against(t, (_request, response) => response.end(text))
    const fault = await faultOf(ask(client))
    t.equal(fault.reason, 'Malformed')
    t.match(fault.message, /answered nonsense.*Is Podman what listens/)
  }
  const { client } = await against(t, (_request, response) => {
    response.writeHead(500)
    response.end('Internal Server Error')
  })
  t.equal((await faultOf(ask(client))).reason, 'Malformed')
})

t.test('an answer of the wrong shape names what was expected', async t => {
  const { client } = await against(t, (_request, response) => response.end('{"not":"a list"}'))
  t.match((await faultOf(imagesOf(client).list())).message, 'the list of images is object, expected a list')
})

t.test('an answer without end is cut', async t => {
  const { client } = await against(t, (_request, response) => {
    const chunk = Buffer.alloc(1024 * 1024, 'x')
    const more = (): void => {
      if (!response.destroyed) response.write(chunk, more)
    }
    more()
  })
  const fault = await faultOf(client.json({ path: '/images/json', doing: 'list images', timeoutMs: 20_000 }))
  t.equal(fault.reason, 'Malformed')
  t.match(fault.message, /larger than/)
})

t.test('an engine that does not answer is given up in time', async t => {
  const { client } = await against(t, () => undefined)
  t.match(await faultOf(ask(client)), {
    reason: 'Timeout',
    message: 'list containers: the engine did not answer in 300 ms',
  })
})

t.test('a look is made again over a new connection; a deed whose connection broke is not', async t => {
  let calls = 0
  const { client, starts } = await against(t, (request, response) => {
    calls += 1
    if (calls === 1 || request.method === 'POST') request.socket.destroy()
    else response.end('[]')
  })
  t.strictSame(await ask(client), [])
  t.equal(starts.length, 2)
  const fault = await faultOf(ask(client, 'POST'))
  t.ok(isBroken(fault))
  t.equal(fault.reason, 'Unavailable')
  t.equal(calls, 3)
})

t.test('a pull is judged by its last line, not by its status', async t => {
  let line = ''
  const { client } = await against(t, (request, response) => {
    if (request.url?.includes('/pull')) response.end(`{"stream":"Copying"}\n${line}\n`)
    else response.end('{"Id":"sha256:abc","RepoTags":["a/b:1"],"RepoDigests":[],"Size":7,"Config":{"User":"7"}}')
  })
  const pull = () => imagesOf(client).pull('127.0.0.1:1/a/b:1', undefined, AbortSignal.timeout(5000))
  line = '{"error":"manifest unknown"}'
  t.match(await faultOf(pull()), { reason: 'Runtime', message: 'pull of 127.0.0.1:1/a/b:1: manifest unknown' })
  line = 'what?'
  t.equal((await faultOf(pull())).reason, 'Malformed')
  line = '{"images":["abc"],"id":"abc"}'
  t.match(await pull(), { id: 'abc', names: ['a/b:1'], bytes: 7, user: '7' })
})
