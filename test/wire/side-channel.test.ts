import t from 'tap'
import { Fault, isFault } from '../../src/api/fault.ts'
import { mostPayloadBytes, readFrame, writeFrame } from '../../src/wire/side-channel/frame.ts'
import { type Mux, webSocketLimits, windowBytes } from '../../src/wire/side-channel/mux.ts'
import { settle } from '../fakes/clock.ts'
import { fails } from '../support/fails.ts'
import fc from '../support/fast-check.ts'
import { aPair } from './mux-pair.ts'

const collect = async (source: AsyncIterable<Uint8Array>): Promise<string> => {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

t.test('a stream carries bytes both ways, ends by halves, and says how it went', async t => {
  const { hub } = aPair(async (open, stream) => {
    stream.accept()
    const sent = await collect(stream.incoming)
    await stream.write(Buffer.from(`${open.type} ${JSON.stringify(open.request)} ${sent}`))
    stream.finish({ exitCode: 3 })
  })
  const stream = hub.open('echo', { a: 1 })
  await stream.accepted
  await stream.write(Buffer.from('hello'))
  stream.end()
  t.equal(await collect(stream.incoming), 'echo {"a":1} hello')
  t.strictSame(await stream.result, { exitCode: 3 })
  t.equal(hub.streams, 0)
})

t.test('a fault of the server is the fault of the reader', async t => {
  const { hub } = aPair(async () => {
    throw new Fault('NotFound', 'no such container')
  })
  const stream = hub.open('logs', {})
  await fails(t, stream.accepted, 'NotFound', /no such container/)
  await fails(t, collect(stream.incoming), 'NotFound')
})

t.test('a sender stops at its credit until the reader has taken a quarter of it', async t => {
  const total = 640 * 1024
  const { hub, passed } = aPair(async (_open, stream) => {
    for (let written = 0; written < total; written += 8192) await stream.write(Buffer.alloc(8192, 97))
  })
  const stream = hub.open('logs', {})
  await settle(200)
  const sent = () => passed.filter(frame => frame.type === 'data').reduce((sum, frame) => sum + frame.bytes, 0)
  t.equal(sent(), windowBytes)
  const reader = stream.incoming[Symbol.asyncIterator]()
  let taken = 0
  while (taken < windowBytes / 4 - 8192) taken += (await reader.next()).value?.length ?? 0
  await settle(200)
  t.equal(sent(), windowBytes, 'less than a quarter is not yet worth a word')
  taken += (await reader.next()).value?.length ?? 0
  await settle(200)
  t.equal(sent(), windowBytes + taken)
  for (let step = await reader.next(); !step.done; step = await reader.next()) taken += step.value.length
  t.equal(taken, total, 'nothing is lost')
})

t.test('streams take turns: a large one does not hold up a small one', async t => {
  const { hub, passed } = aPair(async (open, stream) => {
    await stream.write(Buffer.alloc(open.type === 'large' ? 200_000 : 10, 97))
  })
  const large = hub.open('large', {})
  const small = hub.open('small', {})
  await Promise.all([collect(large.incoming), collect(small.incoming)])
  const order = passed.filter(frame => frame.type === 'data').map(frame => frame.stream)
  t.ok(order.length > 5 && order.indexOf(2) <= 2, `the second stream came early: ${order}`)
})

t.test('a reader that leaves makes the sender stop', async t => {
  let why: unknown
  const { hub } = aPair(async (_open, stream) => {
    try {
      for (;;) await stream.write(Buffer.alloc(1000, 97))
    } catch (error) {
      why = error
      throw error
    }
  })
  const stream = hub.open('logs', {})
  for await (const _chunk of stream.incoming) break
  await settle(60)
  t.ok(isFault(why, 'Unavailable'))
  t.equal(hub.streams, 0)
})

t.test('a peer that sends more than it was granted is not spoken to any more', async t => {
  const { hub, node, breaches, toNode } = aPair(async (_open, stream) => {
    await new Promise(resolve => stream.signal.addEventListener('abort', resolve))
  })
  hub.open('logs', {})
  await settle()
  for (let index = 0; index <= windowBytes / mostPayloadBytes; index += 1)
    toNode(writeFrame({ stream: 1, type: 'data', payload: Buffer.alloc(mostPayloadBytes) }))
  t.equal(node.isOpen, false)
  t.match(breaches[0], { reason: 'Malformed' })
})

t.test('a session whose other side says nothing is closed', async t => {
  const { clock, hub, node } = aPair(async () => {})
  await clock.advance(70_000)
  t.ok(hub.isOpen, 'pings are answered')
  node.close('gone')
  await settle()
  t.equal(hub.isOpen, false)
})

t.test('a closed session fails what is open in it', async t => {
  const { hub, node } = aPair(async (_open, stream) => {
    stream.accept()
    await new Promise(resolve => stream.signal.addEventListener('abort', resolve))
  })
  const stream = hub.open('logs', {})
  await stream.accepted
  node.close('the agent is stopping')
  await fails(t, collect(stream.incoming), 'Unavailable', /the agent is stopping/)
  t.throws(() => hub.open('logs', {}), /session is over/)
})

t.test('there is a bound to streams', async t => {
  const { hub } = aPair(async (_open, stream) => {
    await new Promise(resolve => stream.signal.addEventListener('abort', resolve))
  })
  const open = (): ReturnType<Mux['open']> => hub.open('logs', {})
  for (let index = 0; index < webSocketLimits.mostStreams; index += 1) open()
  t.throws(open, /256 streams/)
})

t.test('of updates that wait only the newest goes, and it comes after the stream was opened', async t => {
  const seen: unknown[] = []
  const { hub } = aPair(async (_open, stream) => {
    stream.onUpdate(value => seen.push(value))
    await new Promise(resolve => stream.signal.addEventListener('abort', resolve))
  })
  const stream = hub.open('exec', {})
  // A storm: a thousand sizes at once.
  for (let columns = 1; columns <= 1000; columns += 1) stream.update({ columns, rows: 24 })
  await settle(60)
  t.ok(seen.length <= 3, `${seen.length} of a thousand were sent`)
  t.strictSame(seen.at(-1), { columns: 1000, rows: 24 })
})

t.test('updates to a node that are too large, or to the hub, end the session', async t => {
  const { node, toNode, breaches } = aPair(async (_open, stream) => {
    await new Promise(resolve => stream.signal.addEventListener('abort', resolve))
  })
  toNode(writeFrame({ stream: 1, type: 'update', payload: Buffer.alloc(2000, 48) }))
  t.equal(node.isOpen, false)
  t.match(breaches[0], { reason: 'Malformed' })
})

t.test('a request that is larger than a frame is refused, and the session lives on', async t => {
  const { hub } = aPair(async () => {})
  t.throws(() => hub.open('exec', { command: ['x'.repeat(mostPayloadBytes)] }), /standard input/)
  t.ok(hub.isOpen)
  t.equal(hub.streams, 0)
})

t.test('a stream in which nothing goes for hours is given up', async t => {
  const { hub, clock } = aPair(async (_open, stream) => {
    stream.accept()
    await new Promise(resolve => stream.signal.addEventListener('abort', resolve))
  })
  const idle = hub.open('logs', {})
  const busy = hub.open('exec', {})
  for (let hour = 0; hour < 5; hour += 1) {
    await clock.advance(3_600_000)
    if (busy.signal.aborted) break
    await busy.write(Buffer.from('x'))
  }
  t.ok(idle.signal.aborted)
  t.notOk(busy.signal.aborted)
  await fails(t, idle.result, 'Unavailable', /nothing went for 4 hours/)
})

t.test('many single bytes that nobody reads are put together', async t => {
  const { hub, passed } = aPair(async (_open, stream) => {
    for (let index = 0; index < 20_000; index += 1) await stream.write(Buffer.from([index & 255]))
  })
  const stream = hub.open('logs', {})
  await settle(500)
  const before = passed.filter(frame => frame.type === 'data').length
  t.ok(before > 100)
  let chunks = 0
  let bytes = 0
  for await (const chunk of stream.incoming) {
    chunks += 1
    bytes += chunk.length
    if (bytes >= before) break
  }
  t.ok(chunks < before / 10, `${bytes} bytes came in ${chunks} chunks`)
})

t.test('frames that are not frames are Malformed, whatever they are', async t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), bytes => {
      try {
        const frame = readFrame(bytes)
        t.strictSame(Buffer.from(writeFrame(frame)), Buffer.from(bytes))
        return true
      } catch (error) {
        return isFault(error, 'Malformed')
      }
    }),
  )
  t.throws(() => readFrame(Buffer.from([0, 0, 0, 1, 3, 0xff, 0xff, 0xff])), /at most/)
})
