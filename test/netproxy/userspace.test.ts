import { connect, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import type { ForwardingPlan, Frontend, Target } from '../../src/core/services/compile.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import { targetChoice } from '../../src/netproxy/userspace/choose-target.ts'
import { userspaceDataPlane } from '../../src/netproxy/userspace/plane.ts'

/** An echo server on an address of its own of the loopback device. */
const anEndpoint = async (t: Test, address: string): Promise<Target> => {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, socket => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.write(`${address}\n`)
    socket.pipe(socket)
  })
  t.teardown(
    () =>
      new Promise<void>(resolve => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  )
  await new Promise<void>(resolve => server.listen(0, address, resolve))
  const bound = server.address()
  return { address, port: typeof bound === 'object' && bound !== null ? bound.port : 0 }
}

const aFreePort = async (): Promise<number> => {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.9', resolve))
  const bound = server.address()
  await new Promise<void>(resolve => server.close(() => resolve()))
  return typeof bound === 'object' && bound !== null ? bound.port : 0
}

const aPlan = (port: number, targets: readonly Target[], change: Partial<Frontend> = {}): ForwardingPlan => ({
  frontends: [{ name: 'default/web', protocol: 'tcp', port, targets, mayHideClient: true, ...change }],
  localPods: [],
  known: new Set(targets.map(target => target.address)),
  refused: [],
})

const aPlane = (t: Test, random = () => 0) => {
  const plane = userspaceDataPlane({
    clock: systemClock,
    random,
    log: silentLog,
    why: 'a test',
    nodeAddresses: () => ['127.0.0.9'],
  })
  t.teardown(() => plane.close())
  return plane
}

/** Everything that comes until the end, or the error code. */
const talk = (port: number, words: string): Promise<string> =>
  new Promise(resolve => {
    const socket = connect({ host: '127.0.0.9', port })
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', chunk => {
      text += chunk
    })
    socket.on('end', () => resolve(text))
    socket.on('error', error => resolve((error as NodeJS.ErrnoException).code ?? 'ERROR'))
    socket.end(words)
  })

t.test('a client that has said all still gets all of the answer', async t => {
  const port = await aFreePort()
  const plane = aPlane(t)
  await plane.apply(aPlan(port, [await anEndpoint(t, '127.0.0.2')]), { whole: true })
  t.equal(await talk(port, 'x'.repeat(300_000)), `127.0.0.2\n${'x'.repeat(300_000)}`)
})

t.test('where an endpoint refuses, the next one is tried', async t => {
  const port = await aFreePort()
  const plane = aPlane(t)
  const nobody = { address: '127.0.0.3', port: await aFreePort() }
  await plane.apply(aPlan(port, [nobody, await anEndpoint(t, '127.0.0.2')]), { whole: true })
  t.equal(await talk(port, 'hello'), '127.0.0.2\nhello')
})

t.test('where all refuse, the connection is reset; where there is none, it is refused', async t => {
  const port = await aFreePort()
  const plane = aPlane(t)
  await plane.apply(aPlan(port, [{ address: '127.0.0.3', port: await aFreePort() }]), { whole: true })
  t.equal(await talk(port, 'hello'), 'ECONNRESET')
  await plane.apply(aPlan(port, []), { whole: true })
  t.equal(await talk(port, 'hello'), 'ECONNREFUSED')
})

t.test('a connection stays when its endpoint takes no new clients, and is reset when it is gone', async t => {
  const port = await aFreePort()
  const plane = aPlane(t)
  const endpoint = await anEndpoint(t, '127.0.0.2')
  const plan = aPlan(port, [endpoint])
  await plane.apply(plan, { whole: true })
  const socket = connect({ host: '127.0.0.9', port })
  t.teardown(() => socket.destroy())
  const words: string[] = []
  const next = () =>
    new Promise<string>(resolve => {
      socket.once('data', chunk => resolve(chunk.toString('utf8')))
      socket.once('error', error => resolve((error as NodeJS.ErrnoException).code ?? 'ERROR'))
    })
  words.push(await next())
  await plane.apply({ ...plan, frontends: [] }, { whole: true })
  socket.write('still there')
  words.push(await next())
  const end = next()
  await plane.apply({ frontends: [], localPods: [], known: new Set(), refused: [] }, { whole: true })
  words.push(await end)
  t.strictSame(words, ['127.0.0.2\n', 'still there', 'ECONNRESET'])
})

t.test('a port that somebody else has is told, and served when it comes free', async t => {
  const port = await aFreePort()
  const other = createServer()
  await new Promise<void>(resolve => other.listen(port, '127.0.0.9', resolve))
  const plane = aPlane(t)
  await plane.apply(aPlan(port, [await anEndpoint(t, '127.0.0.2')]), { whole: true })
  t.match(plane.troubles().join('\n'), new RegExp(`default/web cannot be served at 127.0.0.9 tcp ${port}`))
  await new Promise<void>(resolve => other.close(() => resolve()))
  await plane.audit('content')
  t.equal(await talk(port, 'hello'), '127.0.0.2\nhello')
  t.equal(plane.troubles().length, 1, 'that it is userspace is still said')
})

t.test('who is chosen: by lot, by affinity until it runs out, and more for clients of the node', async t => {
  let now = 0
  let lot = 0
  const choice = targetChoice({
    clock: { now: () => now, monotonic: () => now, after: () => () => {} },
    random: () => lot,
    isInside: client => client === 'inside',
  })
  const [a, b] = [
    { address: 'a', port: 1 },
    { address: 'b', port: 1 },
  ]
  const frontend: Frontend = {
    name: 's',
    protocol: 'tcp',
    port: 1,
    targets: [a],
    insideTargets: [a, b],
    mayHideClient: false,
  }
  lot = 0.9
  t.strictSame(choice.targetsFor(frontend, 'outside'), [a])
  t.strictSame(choice.targetsFor(frontend, 'inside'), [b, a])
  const sticky = { ...frontend, affinitySeconds: 10 }
  t.strictSame(choice.targetsFor(sticky, 'inside'), [b, a])
  lot = 0
  t.strictSame(choice.targetsFor(sticky, 'inside')[0], b)
  now = 11_000
  t.strictSame(choice.targetsFor(sticky, 'inside')[0], a)
})
