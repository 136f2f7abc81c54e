import { randomBytes } from 'node:crypto'
import { createServer, type TLSSocket } from 'node:tls'
import { generate, parser } from 'mqtt-packet'
import t, { type Test } from 'tap'
import { mqttBus } from '../../../src/agent/link/mqtt-bus.ts'
import { openKeys } from '../../../src/hub/identity/keys.ts'
import { type Clock, systemClock } from '../../../src/lib/clock.ts'
import { silentLog } from '../../../src/lib/log.ts'
import { hubServerName } from '../../../src/wire/enrolment.ts'
import { until, whenConnected } from '../../hub/broker/a-broker.ts'
import { fails } from '../../support/fails.ts'
import { folderOf } from '../../support/folder-of.ts'

interface Heard {
  readonly cmd: string
  readonly [fact: string]: unknown
}

/** A broker that does what a test says, and a bus that connects to it. */
const aBadBroker = async (
  t: Test,
  of: {
    /** Return code of the n-th CONNECT, from 0. */
    readonly connack?: (attempt: number) => number
    readonly suback?: (attempt: number) => number
    readonly clock?: Clock
    readonly random?: () => number
    readonly onRefused?: () => void
  } = {},
) => {
  const keys = await openKeys(`${folderOf(t)}/keys`, { now: Date.now, randomBytes, names: [] })
  const heard: Heard[] = []
  const sockets: TLSSocket[] = []
  let connects = 0
  let resumed = 0
  const server = createServer(
    { key: keys.server.key, cert: keys.server.certificate, ca: keys.ca.pem, requestCert: true },
    socket => {
      sockets.push(socket)
      if (socket.isSessionReused()) resumed += 1
      socket.on('error', () => {})
      const reader = parser()
      reader.on('packet', packet => {
        heard.push({ ...packet, user: socket.getPeerCertificate().subject?.CN } as never)
        if (packet.cmd === 'connect') {
          const returnCode = of.connack?.(connects) ?? 0
          connects += 1
          socket.write(generate({ cmd: 'connack', returnCode, sessionPresent: false }))
          if (returnCode !== 0) socket.end()
        }
        if (packet.cmd === 'subscribe') {
          const granted = packet.subscriptions.map(() => of.suback?.(connects - 1) ?? 1)
          socket.write(generate({ cmd: 'suback', messageId: packet.messageId ?? 0, granted }))
        }
        if (packet.cmd === 'publish' && packet.qos === 1)
          socket.write(generate({ cmd: 'puback', messageId: packet.messageId ?? 0 }))
      })
      socket.on('data', chunk => reader.parse(chunk))
    },
  )
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  let user = 'first'
  let made: { user: string; certificate: string; key: string } | undefined
  const bus = mqttBus({
    addresses: () => ['127.0.0.1:1', `127.0.0.1:${port}`],
    tls: () => {
      if (made?.user !== user)
        made = { user, ...keys.makeClient({ name: user, groups: [], notAfter: new Date(Date.now() + 86_400_000) }) }
      return { key: made.key, cert: made.certificate, ca: keys.ca.pem, servername: hubServerName }
    },
    node: 'attic',
    fleet: 'f1',
    will: connection => Buffer.from(`gone ${connection}`),
    clock: of.clock ?? systemClock,
    random: of.random ?? (() => 0.005),
    ...(of.onRefused === undefined ? {} : { onRefused: of.onRefused }),
    log: silentLog,
  })
  t.teardown(async () => {
    await bus.close()
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    bus,
    heard,
    sockets,
    server,
    send: (topic: string, text: string) =>
      sockets
        .at(-1)
        ?.write(generate({ cmd: 'publish', topic, payload: text, qos: 1, messageId: 9, dup: false, retain: false })),
    renewAs: (name: string) => {
      user = name
    },
    get connects() {
      return connects
    },
    get resumed() {
      return resumed
    },
  }
}

t.test('it says who it is, and takes the next address when one is dead', async t => {
  const broker = await aBadBroker(t)
  await whenConnected(broker.bus)
  t.match(
    broker.heard.find(packet => packet.cmd === 'connect'),
    {
      clientId: 'attic',
      clean: true,
      keepalive: 120,
      protocolVersion: 4,
      will: { topic: 'dunlin/1/f1/n/attic/u/live', qos: 1, retain: false },
    },
  )
  t.match(broker.heard.find(packet => packet.cmd === 'subscribe')?.['subscriptions'], [
    { topic: 'dunlin/1/f1/n/attic/d/+', qos: 1 },
    { topic: 'dunlin/1/f1/b/hub', qos: 1 },
  ])
})

t.test('it goes on trying when the broker refuses it', async t => {
  const broker = await aBadBroker(t, { connack: attempt => (attempt < 3 ? 5 : 0) })
  await whenConnected(broker.bus)
  t.equal(broker.connects, 4)
})

t.test('a refusal is told, so that a certificate that has ended can be renewed', async t => {
  let refusals = 0
  const onRefused = () => {
    refusals += 1
  }
  const broker = await aBadBroker(t, { connack: attempt => (attempt < 2 ? 5 : attempt === 2 ? 3 : 0), onRefused })
  await whenConnected(broker.bus)
  t.equal(refusals, 2, 'and a broker that is not there refuses nobody')
})

t.test('a connection that held makes up for all that failed before it', async t => {
  let jumpedMs = 0
  const waits: number[] = []
  const clock: Clock = {
    ...systemClock,
    monotonic: () => systemClock.monotonic() + jumpedMs,
    after(ms, act) {
      waits.push(ms)
      return systemClock.after(Math.min(ms, 5), act)
    },
  }
  const broker = await aBadBroker(t, { clock, random: () => 1 })
  const heldFor = async (ms: number): Promise<number> => {
    await whenConnected(broker.bus)
    jumpedMs += ms
    const before = waits.length
    broker.sockets.at(-1)?.destroy()
    await until(() => waits.length > before, 'the wait for the next try')
    return waits[before] ?? 0
  }
  const first = await heldFor(0)
  const second = await heldFor(0)
  t.ok(second > first, `${second} after ${first}`)
  const third = await heldFor(1000)
  t.ok(third >= second, 'one of a second was none')
  t.equal(await heldFor(20_000), 2000, 'and one that held counts for all')
})

t.test('a refused subscription is no connection', async t => {
  const broker = await aBadBroker(t, { suback: attempt => (attempt === 0 ? 128 : 1) })
  await whenConnected(broker.bus)
  t.equal(broker.connects, 2)
})

t.test('the broker’s message is acknowledged only when the listener is through', async t => {
  const broker = await aBadBroker(t)
  await whenConnected(broker.bus)
  let release = (): void => {}
  let found = ''
  broker.bus.onMessage((topic, bytes) => {
    found = `${topic} ${Buffer.from(bytes)}`
    return new Promise(resolve => {
      release = resolve
    })
  })
  broker.send('dunlin/1/f1/n/attic/d/state', 'x')
  await until(() => found !== '', 'the message')
  t.equal(found, 'd/state x')
  await new Promise(resolve => setTimeout(resolve, 30))
  const acknowledged = () => broker.heard.some(packet => packet.cmd === 'puback' && packet['messageId'] === 9)
  t.notOk(acknowledged())
  release()
  await until(acknowledged, 'the acknowledgement')
})

t.test('what is not for this node is not handed on', async t => {
  const broker = await aBadBroker(t)
  await whenConnected(broker.bus)
  const found: string[] = []
  broker.bus.onMessage(async topic => {
    found.push(topic)
  })
  for (const topic of ['n/cellar/d/state', 't/attic/node/data', 'n/attic/d/other', 'b/hub'])
    broker.send(`dunlin/1/f1/${topic}`, 'x')
  await until(() => found.length > 0, 'the last of them')
  t.strictSame(found, ['b/hub'])
})

t.test('a broker that announces 200 MiB loses the connection, and nothing is buffered', async t => {
  const broker = await aBadBroker(t)
  await whenConnected(broker.bus)
  broker.sockets.at(-1)?.write(Buffer.from([0x30, 0x80, 0x80, 0x80, 0x64]))
  await until(() => broker.connects === 2, 'a new connection')
  await whenConnected(broker.bus)
  t.ok(broker.bus.isConnected)
})

t.test('a session is resumed, and a renewed certificate is used', async t => {
  const broker = await aBadBroker(t)
  await whenConnected(broker.bus)
  await new Promise(resolve => setTimeout(resolve, 30))
  broker.sockets.at(-1)?.destroy()
  await until(() => broker.connects === 2, 'a second connection')
  await whenConnected(broker.bus)
  t.equal(broker.resumed, 1)
  t.ok(broker.bus.connection > 1)
})

t.test('an unacknowledged message fails when the connection breaks', async t => {
  const broker = await aBadBroker(t)
  await whenConnected(broker.bus)
  broker.server.removeAllListeners('secureConnection')
  const socket = broker.sockets.at(-1)
  socket?.removeAllListeners('data')
  socket?.resume()
  const sent = broker.bus.publish('u/status', Buffer.from('x'))
  setTimeout(() => socket?.destroy(), 20)
  await fails(t, sent, 'Unavailable')
})

t.test('a bus that is closed while it connects leaves no connection behind', async t => {
  const broker = await aBadBroker(t)
  await whenConnected(broker.bus)
  broker.sockets.at(-1)?.destroy()
  await until(() => broker.sockets.length === 2, 'the next connection')
  await broker.bus.close()
  await until(() => broker.sockets.at(-1)?.destroyed === true, 'its end')
  t.notOk(broker.bus.isConnected)
})
