import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:tls'
import { generate, parser } from 'mqtt-packet'
import t, { type Test } from 'tap'
import type { TlsMaterial } from '../../../src/agent/link/mqtt-bus.ts'
import { folderOf } from '../../support/folder-of.ts'
import { aBroker, fingerprintOfPem, resumed, type TestBroker, tickets, until, whenConnected } from './a-broker.ts'

type Packet = Parameters<typeof generate>[0]

/** A client that says what it is told, and notes what it hears. */
const aClient = async (of: TestBroker, material: TlsMaterial, clientId: string) => {
  const socket = await of.raw(material)
  const heard: { readonly cmd: string; readonly [fact: string]: unknown }[] = []
  let isClosed = false
  const reader = parser()
  reader.on('packet', packet => heard.push(packet as never))
  socket.on('data', chunk => reader.parse(chunk))
  socket.on('error', () => {})
  socket.on('close', () => {
    isClosed = true
  })
  const say = (packet: Packet): void => {
    socket.write(generate(packet))
  }
  say({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clientId, clean: true, keepalive: 60 })
  await until(() => isClosed || heard.some(packet => packet.cmd === 'connack'), 'an answer to CONNECT')
  return {
    socket,
    heard,
    say,
    get isClosed() {
      return isClosed
    },
    get returnCode() {
      return heard.find(packet => packet.cmd === 'connack')?.['returnCode']
    },
    async subscribe(topic: string) {
      const before = heard.length
      say({ cmd: 'subscribe', messageId: 7, subscriptions: [{ topic, qos: 1 }] })
      await until(() => isClosed || heard.length > before, 'an answer to SUBSCRIBE')
      return (heard.find(packet => packet.cmd === 'suback')?.['granted'] as number[] | undefined)?.[0]
    },
  }
}

const nodes = ['system:nodes']

const strangers: readonly (readonly [string, string, readonly string[], string])[] = [
  ['a node under another name', 'system:node:attic', nodes, 'cellar'],
  ['an admin', 'admin', ['system:masters'], 'admin'],
  ['a user without a group', 'jane', [], 'jane'],
  ['a certificate whose name is no node’s', 'system:node:UPPER', nodes, 'UPPER'],
  ['a node that forgot its group', 'system:node:attic', [], 'attic'],
]
for (const [what, user, groups, clientId] of strangers)
  t.test(`${what} is refused with "not authorised"`, async t => {
    const of = await aBroker(t)
    const client = await aClient(of, of.material(user, groups), clientId)
    t.equal(client.returnCode, 5)
    await until(() => client.isClosed, 'the end of the connection')
  })

t.test('nobody gets in without a certificate, nor with one of another CA', async t => {
  const of = await aBroker(t)
  const other = await aBroker(t)
  const own = of.material('system:node:attic', nodes)
  const bare = await aClient(of, { ca: own.ca, servername: own.servername } as TlsMaterial, 'attic')
  t.equal(bare.returnCode, 5)
  const foreign = { ...other.material('system:node:attic', nodes), ca: own.ca }
  t.equal((await aClient(of, foreign, 'attic')).returnCode, 5)
})

t.test('a revoked certificate is refused, also on a resumed session', async t => {
  const of = await aBroker(t)
  const material = of.material('system:node:attic', nodes)
  const first = await aClient(of, material, 'attic')
  t.equal(first.returnCode, 0)
  await until(() => tickets.has(first.socket), 'a session ticket')
  const session = tickets.get(first.socket)
  of.revoked.add(fingerprintOfPem(material.cert))
  of.broker.forget('attic')
  await until(() => first.isClosed, 'the dropped connection')
  const again = await aClient(of, { ...material, session } as TlsMaterial, 'attic')
  t.ok(resumed.has(again.socket))
  t.equal(again.returnCode, 5)
})

t.test('TLS sessions resume over a restart of the broker', async t => {
  const of = await aBroker(t)
  const material = of.material('system:node:attic', nodes)
  const first = await aClient(of, material, 'attic')
  await until(() => tickets.has(first.socket), 'a session ticket')
  const session = tickets.get(first.socket)
  await of.restart()
  const again = await aClient(of, { ...material, session } as TlsMaterial, 'attic')
  t.ok(resumed.has(again.socket))
  t.equal(again.returnCode, 0)
})

t.test('a node that publishes under another node’s topics loses its connection, and nothing is delivered', async t => {
  const of = await aBroker(t)
  const found: string[] = []
  of.broker.bus.onMessage((node, topic) => found.push(`${node} ${topic}`))
  for (const topic of ['n/cellar/u/status', 't/cellar/node/data', 'n/attic/d/state', 'b/hub', 'n/attic/u/other']) {
    const client = await aClient(of, of.material('system:node:attic', nodes), 'attic')
    client.say({
      cmd: 'publish',
      topic: `dunlin/1/${of.fleet}/${topic}`,
      payload: 'x',
      qos: 1,
      messageId: 3,
      dup: false,
      retain: false,
    })
    await until(() => client.isClosed, `the end after ${topic}`)
  }
  t.strictSame(found, [])
  t.equal(of.broker.stats().refusedPublishes, 5)
})

t.test('a node sees nothing of another: each such subscription is refused, and the connection lives on', async t => {
  const of = await aBroker(t)
  const prefix = `dunlin/1/${of.fleet}`
  const client = await aClient(of, of.material('system:node:attic', nodes), 'attic')
  for (const filter of [
    '#',
    `${prefix}/#`,
    `${prefix}/n/+/d/state`,
    `${prefix}/n/cellar/d/+`,
    `${prefix}/t/#`,
    '$SYS/#',
  ]) {
    client.heard.length = 0
    t.equal(await client.subscribe(filter), 128, filter)
  }
  client.heard.length = 0
  t.equal(await client.subscribe(`${prefix}/n/attic/d/+`), 1)
  t.notOk(client.isClosed)
})

t.test('a telemetry user reads telemetry, retained births included, and may do nothing else', async t => {
  const of = await aBroker(t)
  const prefix = `dunlin/1/${of.fleet}`
  const attic = of.node('attic')
  await whenConnected(attic)
  attic.publishTelemetry('node/birth', Buffer.from('{"metrics":[]}'), true)
  await until(() => of.broker.stats().retainedBytes > 0, 'the birth')
  const watcher = await aClient(of, of.material('jane', ['dunlin:telemetry']), 'attic')
  t.equal(watcher.returnCode, 0)
  t.ok(attic.isConnected, 'a watcher that calls itself like a node takes nothing over')
  t.equal(await watcher.subscribe(`${prefix}/t/#`), 1)
  await until(() => watcher.heard.some(packet => packet.cmd === 'publish'), 'the retained birth')
  t.match(
    watcher.heard.find(packet => packet.cmd === 'publish'),
    { topic: `${prefix}/t/attic/node/birth`, retain: true },
  )
  attic.publishTelemetry('node/data', Buffer.from('{"cpu":1}'), false)
  await until(() => watcher.heard.filter(packet => packet.cmd === 'publish').length === 2, 'data')
  t.equal(
    await (await aClient(of, of.material('jane', ['dunlin:telemetry']), '')).subscribe(`${prefix}/n/attic/u/+`),
    128,
  )
  watcher.say({ cmd: 'publish', topic: `${prefix}/t/attic/node/data`, payload: 'x', qos: 0, dup: false, retain: false })
  await until(() => watcher.isClosed, 'the end of a watcher that publishes')
})

t.test('only births are kept', async t => {
  const of = await aBroker(t)
  const client = await aClient(of, of.material('system:node:attic', nodes), 'attic')
  for (const topic of ['n/attic/u/status', 't/attic/node/data'])
    client.say({
      cmd: 'publish',
      topic: `dunlin/1/${of.fleet}/${topic}`,
      payload: 'x',
      qos: 1,
      messageId: 5,
      dup: false,
      retain: true,
    })
  await until(() => client.heard.filter(packet => packet.cmd === 'puback').length === 2, 'two acknowledgements')
  t.equal(of.broker.stats().retainedBytes, 0)
})

t.test('a frame that announces too much ends the connection at its header', async t => {
  const of = await aBroker(t)
  const client = await aClient(of, of.material('system:node:attic', nodes), 'attic')
  // PUBLISH, 200 MiB to come.
  client.socket.write(Buffer.from([0x30, 0x80, 0x80, 0x80, 0x64]))
  await until(() => client.isClosed, 'the end of the connection')
  t.equal(of.broker.stats().oversize, 1)
})

t.test('before CONNECT even 8 KiB are too much', async t => {
  const of = await aBroker(t)
  const socket = await of.raw(of.material('system:node:attic', nodes))
  socket.on('error', () => {})
  const ended = new Promise<void>(resolve => socket.once('close', () => resolve()))
  socket.resume()
  socket.write(Buffer.from([0x10, 0x81, 0x40]))
  await ended
  t.equal(of.broker.stats().oversize, 1)
})

t.test('a frozen client holds up nobody: what it does not take is dropped and counted', async t => {
  const of = await aBroker(t)
  const prefix = `dunlin/1/${of.fleet}`
  const frozen = await aClient(of, of.material('jane', ['dunlin:telemetry']), '')
  await frozen.subscribe(`${prefix}/t/#`)
  frozen.socket.pause()
  const found: string[] = []
  const cellar = of.node('cellar')
  await whenConnected(cellar)
  cellar.onMessage(async topic => {
    found.push(topic)
  })
  const attic = await aClient(of, of.material('system:node:attic', nodes), 'attic')
  const payload = Buffer.alloc(60_000, 'x')
  for (let index = 0; index < 300; index += 1) {
    attic.say({ cmd: 'publish', topic: `${prefix}/t/attic/node/data`, payload, qos: 0, dup: false, retain: false })
    if (index % 20 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  await until(() => of.broker.stats().dropped > 0, 'a drop')
  await of.broker.bus.publish('cellar', 'd/state', Buffer.from('x'))
  await until(() => found.length === 1, 'a message to another')
})

t.test('messages that follow each other at once all arrive', async t => {
  const of = await aBroker(t)
  const attic = of.node('attic')
  await whenConnected(attic)
  let found = 0
  attic.onMessage(async () => {
    found += 1
  })
  for (let round = 0; round < 20; round += 1)
    await Promise.all(
      ['d/state', 'd/net', 'd/hub'].map(topic => of.broker.bus.publish('attic', topic, Buffer.from('x'))),
    )
  await until(() => found === 60, 'all messages')
})

t.test('above the limit a connection is turned away', async t => {
  const of = await aBroker(t, { mostConnections: 1 })
  t.equal((await aClient(of, of.material('system:node:attic', nodes), 'attic')).returnCode, 0)
  const socket = connect({ host: '127.0.0.1', port: of.port, ...of.material('system:node:cellar', nodes) })
  socket.on('error', () => {})
  await new Promise<void>(resolve => socket.once('close', () => resolve()))
  t.equal(of.broker.stats().refusedConnections, 1)
})

t.test('noise is no reason to fall', async t => {
  const of = await aBroker(t)
  for (const bytes of [[0], [0xff, 0xff, 0xff, 0xff, 0xff], [0x10, 0x02, 0, 0], [0xe0, 0], [0x82, 3, 0, 1, 2]]) {
    const socket = await of.raw(of.material('system:node:attic', nodes))
    socket.on('error', () => {})
    socket.resume()
    socket.end(Buffer.from(bytes))
    await new Promise<void>(resolve => socket.once('close', () => resolve()))
  }
  t.equal((await aClient(of, of.material('system:node:attic', nodes), 'attic')).returnCode, 0)
})

t.test('mosquitto’s own clients read telemetry with a certificate and are told when they may not', async t => {
  const of = await aBroker(t)
  const attic = of.node('attic')
  await whenConnected(attic)
  attic.publishTelemetry('node/birth', Buffer.from('{"device":"node"}'), true)
  const folder = folderOf(t)
  const material = of.material('jane', ['dunlin:telemetry'])
  for (const [name, text] of Object.entries({ ca: material.ca, cert: material.cert, key: material.key }))
    await writeFile(`${folder}/${name}.pem`, text)
  const words = (topic: string) => [
    ...['-h', '127.0.0.1', '-p', String(of.port), '-t', topic, '-V', 'mqttv311'],
    ...['--cafile', `${folder}/ca.pem`, '--cert', `${folder}/cert.pem`, '--key', `${folder}/key.pem`],
  ]
  const prefix = `dunlin/1/${of.fleet}`
  const read = await run(t, 'mosquitto_sub', [...words(`${prefix}/t/#`), '-C', '1', '-W', '10'])
  if (read === undefined) return
  t.match(read.out, /\{"device":"node"\}/)
  const refused = await run(t, 'mosquitto_sub', [...words(`${prefix}/n/attic/u/+`), '-W', '3'])
  t.match(refused?.err, /denied|refused|All subscription requests were denied/i)
  const written = await run(t, 'mosquitto_pub', [...words(`${prefix}/t/attic/node/data`), '-m', 'x', '-q', '1'])
  t.not(written?.code, 0)
})

/** undefined where the machine has no mosquitto: its clients are also tried where the whole fleet is. */
const run = (t: Test, program: string, words: readonly string[]) =>
  new Promise<{ code: number; out: string; err: string } | undefined>(resolve => {
    execFile(program, [...words], { timeout: 15_000 }, (error, out, err) => {
      if (error !== null && 'code' in error && String(error.code) === 'ENOENT') {
        t.comment(`${program} is not here`)
        resolve(undefined)
      } else resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : 1, out, err })
    })
  })
