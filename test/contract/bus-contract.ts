import type { Test } from 'tap'
import type { AgentBus, HubBus } from '../../src/wire/bus.ts'
import { fails } from '../support/fails.ts'

/** One pair of ends, on whatever lies between. */
export interface BusPair {
  readonly hub: HubBus
  /** Connects when it is made. */
  agent(node: string): Promise<AgentBus>
  /** Breaks a node's connection, as a cut cable does. It comes back by itself, or by `restore`. */
  cut(node: string): Promise<void>
  restore(node: string): Promise<void>
}

/** What each bus promises to the fleet and to the link. */
export const busContract = (t: Test, make: (t: Test) => Promise<BusPair>): void => {
  t.test('messages to one node arrive in the order they were sent, and at no other node', async t => {
    const pair = await make(t)
    const attic = await pair.agent('attic')
    const cellar = await pair.agent('cellar')
    const found: string[] = []
    const strays: string[] = []
    attic.onMessage(async (topic, bytes) => {
      found.push(`${topic} ${Buffer.from(bytes)}`)
    })
    cellar.onMessage(async topic => {
      strays.push(topic)
    })
    const wanted = Array.from({ length: 30 }, (_, index) => `d/${index % 2 === 0 ? 'state' : 'net'} ${index}`)
    await Promise.all(
      wanted.map(line => {
        const [topic = '', text = ''] = line.split(' ')
        return pair.hub.publish('attic', topic, Buffer.from(text))
      }),
    )
    await until(() => found.length === wanted.length)
    t.strictSame(found, wanted)
    t.strictSame(strays, [])
  })

  t.test('frames of a tunnel go both ways in their order, beside the messages and not among them', async t => {
    const pair = await make(t)
    const attic = await pair.agent('attic')
    const down: string[] = []
    const up: string[] = []
    const messages: string[] = []
    attic.onFrame(bytes => down.push(Buffer.from(bytes).toString()))
    attic.onMessage(async topic => {
      messages.push(topic)
    })
    pair.hub.onFrame((node, bytes) => up.push(`${node} ${Buffer.from(bytes)}`))
    pair.hub.onMessage((_node, topic) => messages.push(topic))
    const wanted = Array.from({ length: 20 }, (_, index) => `frame ${index}`)
    for (const text of wanted) {
      await pair.hub.publishFrame('attic', Buffer.from(text))
      await attic.publishFrame(Buffer.from(text))
    }
    await until(() => down.length === wanted.length && up.length === wanted.length)
    t.strictSame(down, wanted)
    t.strictSame(
      up,
      wanted.map(text => `attic ${text}`),
    )
    t.strictSame(messages, [])
    await fails(t, pair.hub.publishFrame('cellar', Buffer.from('x')), 'Unavailable', /not connected/)
  })

  t.test('the next message waits until the listener is through with the one before', async t => {
    const pair = await make(t)
    const attic = await pair.agent('attic')
    const found: string[] = []
    let release = (): void => {}
    attic.onMessage((_topic, bytes) => {
      found.push(Buffer.from(bytes).toString())
      return new Promise(resolve => {
        release = resolve
      })
    })
    void pair.hub.publish('attic', 'd/state', Buffer.from('1'))
    void pair.hub.publish('attic', 'd/state', Buffer.from('2'))
    await until(() => found.length === 1)
    await new Promise(resolve => setImmediate(resolve))
    t.strictSame(found, ['1'])
    release()
    await until(() => found.length === 2)
    release()
  })

  t.test('a listener may publish as long as it does not wait for it', async t => {
    const pair = await make(t)
    const attic = await pair.agent('attic')
    const found: string[] = []
    pair.hub.onMessage((_node, topic) => {
      if (topic === 'u/status') found.push(topic)
    })
    attic.onMessage(async () => {
      attic.publish('u/status', Buffer.from('x')).catch(error => found.push(String(error)))
    })
    await pair.hub.publish('attic', 'd/state', Buffer.from('1'))
    await pair.hub.publish('attic', 'd/state', Buffer.from('2'))
    await until(() => found.length === 2)
    t.strictSame(found, ['u/status', 'u/status'])
  })

  t.test('a broadcast reaches every node', async t => {
    const pair = await make(t)
    const found: string[] = []
    for (const node of ['attic', 'cellar']) {
      const bus = await pair.agent(node)
      bus.onMessage(async topic => {
        found.push(`${node} ${topic}`)
      })
    }
    await pair.hub.broadcast(Buffer.from('x'))
    await until(() => found.length === 2)
    t.strictSame(found.sort(), ['attic b/hub', 'cellar b/hub'])
  })

  t.test('what a node says arrives under its own name', async t => {
    const pair = await make(t)
    const found: string[] = []
    pair.hub.onMessage((node, topic, bytes) => {
      if (topic !== 'u/live') found.push(`${node} ${topic} ${Buffer.from(bytes)}`)
    })
    const attic = await pair.agent('attic')
    await attic.publish('u/status', Buffer.from('well'))
    await until(() => found.length === 1)
    t.strictSame(found, ['attic u/status well'])
  })

  t.test('presence tells a connection, its break and its return; the number of the connection grows', async t => {
    const pair = await make(t)
    const found: string[] = []
    pair.hub.onPresence((node, { connected, reset }) => {
      found.push(`${node} ${connected ? 'here' : reset ? 'broken' : 'left'}`)
    })
    const attic = await pair.agent('attic')
    const first = attic.connection
    await pair.cut('attic')
    await until(() => found.includes('attic broken'))
    await pair.restore('attic')
    await until(() => attic.isConnected)
    t.ok(attic.connection > first)
    await attic.close()
    await until(() => found.includes('attic left'))
    t.strictSame(found, ['attic here', 'attic broken', 'attic here', 'attic left'])
  })

  t.test('nothing is queued for a node that is away, nor by one', async t => {
    const pair = await make(t)
    const attic = await pair.agent('attic')
    const found: string[] = []
    attic.onMessage(async (_topic, bytes) => {
      found.push(Buffer.from(bytes).toString())
    })
    const gone = new Promise<void>(resolve => {
      attic.onConnection(is => {
        if (!is) resolve()
      })
    })
    await pair.cut('attic')
    await gone
    await fails(t, attic.publish('u/status', Buffer.from('x')), 'Unavailable')
    attic.publishTelemetry('node/data', Buffer.from('{}'), false)
    await pair.hub.publish('attic', 'd/state', Buffer.from('lost'))
    await pair.restore('attic')
    await until(() => attic.isConnected)
    await pair.hub.publish('attic', 'd/state', Buffer.from('found'))
    await until(() => found.length === 1)
    t.strictSame(found, ['found'])
  })

  t.test('a node that is dropped loses its connection', async t => {
    const pair = await make(t)
    const attic = await pair.agent('attic')
    const gone = new Promise<void>(resolve => {
      attic.onConnection(is => {
        if (!is) resolve()
      })
    })
    pair.hub.drop('attic')
    await gone
    pair.hub.drop('nobody')
  })
}

const until = async (holds: () => boolean): Promise<void> => {
  for (let tries = 0; tries < 6000; tries += 1) {
    if (holds()) return
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  throw new Error('it did not come to that')
}
