import { once } from 'node:events'
import t, { type Test } from 'tap'
import { Fault } from '../../../src/api/fault.ts'
import { mostIdleMs } from '../../../src/hub/streams/idle-watch.ts'
import { processChannels } from '../../../src/hub/streams/process-channels.ts'
import { type ManualClock, manualClock } from '../../fakes/clock.ts'
import { fakeProcess } from '../../fakes/remote-process.ts'
import { until } from '../../support/until.ts'
import { messagesOf, upgradeServer } from './upgrades.ts'

const v5 = 'v5.channel.k8s.io'

const start = async (t: Test, clock: ManualClock = manualClock()) => {
  const fake = fakeProcess()
  const server = await upgradeServer(t, (request, socket, head) =>
    processChannels({ request, socket, head, clock, open: async () => fake.process }),
  )
  const dial = async (protocols: string | string[] = v5) => {
    const socket = server.dial(protocols)
    const seen = messagesOf(socket)
    await once(socket, 'open')
    return { socket, ...seen }
  }
  return { ...server, fake, clock, dial }
}

t.test('what is typed reaches the process, what it prints reaches the client, and the end is a Status', async t => {
  const { dial, fake, ends } = await start(t)
  const { socket, messages, closed } = await dial([v5, 'v4.channel.k8s.io'])
  t.equal(socket.protocol, v5)
  socket.send(Buffer.from('\0ls\n'))
  const typed = fake.stdin[Symbol.asyncIterator]()
  t.equal(String((await typed.next()).value), 'ls\n')
  socket.send('\0as a text')
  t.equal(String((await typed.next()).value), 'as a text')
  await fake.stdout.write('bin\n')
  await fake.stderr.write('oh\n')
  socket.send(Buffer.from([255, 0]))
  t.equal((await typed.next()).done, true, 'the client has closed stdin')
  fake.exit({ exitCode: 0 })
  t.equal(await closed, '1000 ')
  t.strictSame(messages.slice(0, -1), ['1:', '1:bin\n', '2:oh\n'])
  t.match(messages.at(-1), /^3:.*"status":"Success"/)
  await until('the end is told', () => ends.length > 0)
  t.strictSame(ends, [{ received: 12, sent: 7, why: 'exit code 0' }])
})

t.test('an exit code and a fault become Statuses that kubectl reads; the oldest protocol has texts', async t => {
  for (const [result, protocol, last] of [
    [
      { exitCode: 7 },
      v5,
      /"reason":"NonZeroExitCode","details":\{"causes":\[\{"reason":"ExitCode","message":"7"\}\]\}/,
    ],
    [{ exitCode: 7 }, 'v4.channel.k8s.io', /NonZeroExitCode/],
    [{ exitCode: 7 }, 'channel.k8s.io', /^3:command terminated with non-zero exit code: exit status 7$/],
    [
      { error: { reason: 'NotFound', message: 'no such file: /bin/bash' } },
      v5,
      /"message":"no such file: \/bin\/bash".*"code":404/,
    ],
  ] as const) {
    const { dial, fake } = await start(t)
    const { messages, closed } = await dial(protocol)
    fake.exit(result)
    t.equal(await closed, '1000 ')
    t.match(messages.at(-1), last)
  }
})

t.test('a fault before the upgrade is the answer’s status; a protocol that nobody speaks opens nothing', async t => {
  let opened = 0
  const server = await upgradeServer(t, (request, socket, head) =>
    processChannels({
      request,
      socket,
      head,
      clock: manualClock(),
      async open() {
        opened += 1
        throw new Fault('Unavailable', 'node "n1" is not connected to the hub')
      },
    }),
  )
  const refused = async (protocols: string[]): Promise<unknown> => {
    const [, answer] = await once(server.dial(protocols), 'unexpected-response')
    let text = ''
    for await (const chunk of answer) text += chunk
    return { status: answer.statusCode, text }
  }
  t.match(await refused(['v9.channel.k8s.io']), { status: 400, text: /unable to negotiate protocol/ })
  t.equal(opened, 0)
  t.match(await refused([v5]), { status: 503, text: /n1.* is not connected/ })
  t.equal(opened, 1)
})

t.test('sizes are told on, of a storm the newest, and nonsense ends the session with its reason', async t => {
  const { dial, fake, clock } = await start(t)
  const { socket, closed } = await dial()
  const resize = (text: string) => socket.send(Buffer.from(`\x04${text}`))
  resize('{"Width":80,"Height":24}\n')
  await until('the first size', () => fake.sizes.length === 1)
  for (let columns = 81; columns <= 100; columns += 1) resize(`{"Width":${columns},"Height":24}`)
  resize('{"width":120,')
  resize('"height":40}{"Width":0,"Height":0}')
  await until('the newest size', async () => {
    await clock.advance(20)
    return fake.sizes.some(size => size.columns === 120)
  })
  t.strictSame(fake.sizes.at(-1), { columns: 120, rows: 40 })
  t.ok(fake.sizes.length < 15, `${fake.sizes.length} of 22 were told`)
  resize('{"Width":"wide"}')
  t.match(await closed, /^1008 not a terminal's size/)
  await until('the process is closed', () => fake.closed)
  t.match(fake.closed, /not a terminal's size/)
})

t.test('more sizes than a hand can make end the session', async t => {
  const { dial, fake } = await start(t)
  const { socket, closed } = await dial()
  for (let size = 0; size < 1100; size += 1) socket.send(Buffer.from(`\x04{"Width":${size + 1},"Height":24}`))
  t.match(await closed, /^1008 more than 1000 sizes of the terminal within a second/)
  await until('the process is closed', () => fake.closed)
})

t.test('what breaks the rules ends the connection with a reason, and the process with it', async t => {
  for (const [bytes, reason] of [
    [Buffer.from([7, 1]), /^1008 channel 7 takes nothing from a client: it may send on 0, 4/],
    [Buffer.from([1, 1]), /^1008 channel 1/],
    [Buffer.from([255, 9]), /^1008 channel 9/],
    [Buffer.from([255]), /^1008 the close of a channel has 2 bytes, not 1/],
    [Buffer.alloc(600 * 1024), /^1009/],
  ] as const) {
    const { dial, fake } = await start(t)
    const { socket, closed } = await dial()
    socket.send(bytes)
    t.match(await closed, reason)
    t.ok(await until('the process is closed', () => fake.closed))
  }
})

t.test('a client that vanishes takes its process with it', async t => {
  const { dial, fake, ends, clock } = await start(t)
  const { socket } = await dial()
  socket.terminate()
  t.match(await until('the process is closed', () => fake.closed), /the client has gone/)
  await until('the end is told', () => ends.length > 0)
  t.match(ends, [{ why: /the client has gone/ }])
  t.equal(clock.waiting, 0, 'and leaves no timer that waits for it')
})

t.test('a session without a byte for four hours ends, one with bytes does not', async t => {
  const { dial, fake, clock } = await start(t)
  const { socket, closed } = await dial()
  await clock.advance(mostIdleMs - 1000)
  socket.send(Buffer.from('\0x'))
  for await (const chunk of fake.stdin) {
    t.equal(String(chunk), 'x')
    break
  }
  await clock.advance(mostIdleMs - 1000)
  t.equal(fake.closed, undefined)
  await clock.advance(2000)
  t.match(await closed, /nothing came or went for 4 hours/)
})

t.test('a client that does not read stops the process’s output, and costs little', async t => {
  const { dial, fake } = await start(t)
  const { socket } = await dial()
  socket.pause()
  const chunk = Buffer.alloc(32 * 1024)
  let written = 0
  let isStuck = false
  const print = async (): Promise<void> => {
    for (;;) {
      await fake.stdout.write(chunk)
      written += chunk.length
    }
  }
  const printing = print().catch(() => undefined)
  for (let before = -1; !isStuck; before = written) {
    await new Promise(resolve => setTimeout(resolve, 300))
    isStuck = before === written
  }
  const stuckAt = written
  t.ok(stuckAt < 32 * 1024 * 1024, `${stuckAt} bytes went into the kernel’s buffers`)
  socket.resume()
  await until('it goes on', () => written > stuckAt)
  socket.terminate()
  await printing
  t.ok(await until('the process is closed', () => fake.closed))
})

t.test('a process that does not read stops the client, who may still resize afterwards', async t => {
  const { dial, fake } = await start(t)
  const { socket } = await dial()
  const chunk = Buffer.alloc(32 * 1024, 0)
  for (let sent = 0; sent < 256; sent += 1) socket.send(chunk)
  await until('the client waits', async () => {
    const before = socket.bufferedAmount
    await new Promise(resolve => setTimeout(resolve, 100))
    return before > 0 && socket.bufferedAmount === before
  })
  t.equal(fake.stdin.waiting, 1)
  let taken = 0
  const reading = (async () => {
    for await (const bytes of fake.stdin) taken += bytes.length
  })()
  await until('all has come', () => taken === 256 * (32 * 1024 - 1))
  socket.send(Buffer.from('\x04{"Width":80,"Height":24}'))
  await until('the size', () => fake.sizes.length === 1)
  socket.terminate()
  await reading.catch(() => undefined)
})

t.test('pings are answered, but not to who does not read', async t => {
  const { dial } = await start(t)
  const { socket } = await dial()
  socket.ping('there?')
  t.equal(String((await once(socket, 'pong'))[0]), 'there?')
})
