import t from 'tap'
import { isFault } from '../../../../src/api/fault.ts'
import { controlFrame, dataFrame, frameReader, uint32s } from '../../../../src/hub/streams/spdy/frames.ts'
import { headerPacker, headerReader, mostBlockBytes } from '../../../../src/hub/streams/spdy/header-block.ts'
import { mostStreams } from '../../../../src/hub/streams/spdy/session.ts'
import { fails } from '../../../support/fails.ts'
import fc from '../../../support/fast-check.ts'
import { until } from '../../../support/until.ts'
import { packHeaders, startSession, synStream } from './spdy-client.ts'

const none: AsyncIterable<Uint8Array> = { async *[Symbol.asyncIterator]() {} }

const read = async (source: AsyncIterable<Uint8Array> = none): Promise<string> => {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

t.test('streams are answered, carry bytes both ways, and each way ends by itself', async t => {
  const { open, data, streams, said, session, hangUp } = startSession()
  await open(1, { streamtype: 'error', port: '80' })
  await open(3, { streamtype: 'data', port: '80' })
  await until('both streams', () => streams.length === 2)
  t.strictSame(
    streams.map(({ headers }) => headers.get('streamtype')),
    ['error', 'data'],
    'header blocks share one zlib stream',
  )
  const [, stream] = streams
  await data(3, 'hel')
  await data(3, 'lo', true)
  t.equal(await read(stream?.incoming), 'hello')
  await stream?.write(Buffer.from('world'))
  stream?.end()
  await until('the end', () => said().includes('data 3 end: '))
  t.strictSame(said(), ['synReply 1', 'synReply 3', 'data 3: world', 'data 3 end: '])
  hangUp()
  await session.done
  t.match(session.signal.reason, { reason: 'Unavailable', message: 'the client has hung up' })
})

t.test('PING is answered, a reset is heard, what nobody knows is passed over', async t => {
  const { open, send, streams, said, session, hangUp } = startSession()
  await send(controlFrame('ping', 0, uint32s(7)), controlFrame('ping', 0, uint32s(8)))
  await send(controlFrame('settings', 0, Buffer.concat([uint32s(1), Buffer.alloc(8)])))
  const unknown = controlFrame('ping', 0, uint32s(1))
  unknown.writeUInt16BE(99, 2)
  await send(unknown)
  await open(1, {})
  await until('the stream', () => streams.length === 1)
  await send(controlFrame('rstStream', 0, uint32s(1, 5)))
  await t.rejects(read(streams[0]?.incoming), { message: /the client gave the stream up \(status 5\)/ })
  await t.rejects(streams[0]?.write(Buffer.from('x')) ?? Promise.resolve(), { message: /gave the stream up/ })
  // It may have been on its way.
  await send(dataFrame(1, Buffer.from('late'), false))
  await open(3, {})
  await until('the next one', () => streams.length === 2)
  t.strictSame(said(), ['ping 7', 'synReply 1', 'synReply 3'])
  hangUp()
  await session.done
})

t.test('a goodbye: no more streams, and the end when the last one has ended both ways', async t => {
  const { open, data, streams, said, session, reading } = startSession()
  await open(1, {})
  await until('the stream', () => streams.length === 1)
  session.close()
  await open(3, {})
  streams[0]?.end()
  await until('the refusal', () => said().includes('rstStream 3 3'))
  t.notMatch(said().join(), 'goAway', 'a client may still read')
  await data(1, '', true)
  await reading
  t.equal(said().at(-1), 'goAway 3 0')
})

t.test('more streams than there may be are refused, and the others go on', async t => {
  const { open, data, streams, said, session, hangUp } = startSession()
  for (let index = 0; index <= mostStreams; index += 1) await open(1 + 2 * index, {})
  await until('the refusal', () => said().includes(`rstStream ${1 + 2 * mostStreams} 3`))
  t.equal(streams.length, mostStreams)
  await data(1, 'still', true)
  t.equal(await read(streams[0]?.incoming), 'still')
  hangUp()
  await session.done
})

t.test(
  'a stream that nobody reads stops the client at the connection’s room; read, it goes on and is told',
  async t => {
    const { open, data, streams, said, session, hangUp } = startSession()
    await open(1, {})
    await until('the stream', () => streams.length === 1)
    let written = 0
    const sending = (async () => {
      for (; written < 64; written += 1) await data(1, Buffer.alloc(32 * 1024))
      await data(1, '', true)
    })()
    await until('the client waits', async () => {
      const before = written
      await new Promise(resolve => setTimeout(resolve, 50))
      return before > 0 && written === before
    })
    t.ok(written < 12, `${written} of 64 times 32 KiB were taken`)
    t.equal((await read(streams[0]?.incoming)).length, 2 * 1024 * 1024)
    await sending
    const granted = said().flatMap(line => (line.startsWith('windowUpdate 1 ') ? [Number(line.split(' ')[2])] : []))
    t.ok(
      granted.reduce((sum, one) => sum + one, 0) >= 2 * 1024 * 1024 - 64 * 1024 * 5,
      'who counts credit gets it back',
    )
    hangUp()
    await session.done
  },
)

t.test('a client that does not read stops who writes to it; its pings stop its own words, too', async t => {
  const { open, send, streams, session, freeze, thaw, hangUp } = startSession()
  await open(1, {})
  await until('the stream', () => streams.length === 1)
  freeze()
  let written = 0
  const writing = (async () => {
    for (; written < 64; written += 1) await streams[0]?.write(Buffer.alloc(64 * 1024))
  })()
  let pinged = 0
  const pinging = (async () => {
    for (; pinged < 100; pinged += 1) await send(controlFrame('ping', 0, uint32s(2 * pinged + 1)))
  })()
  await until('both wait', async () => {
    const before = [written, pinged]
    await new Promise(resolve => setTimeout(resolve, 50))
    return before[0] === written && before[1] === pinged
  })
  t.ok(written < 2, `${written} times 64 KiB`)
  t.ok(pinged < 25, `${pinged} of 100 pings were taken`)
  thaw()
  await Promise.all([writing, pinging])
  hangUp()
  await session.done
})

t.test('what breaks the rules ends the connection, with its reason', async t => {
  const pack = packHeaders()
  const first = synStream(1, await pack({ streamtype: 'data' }))
  const wrongVersion = controlFrame('ping', 0, uint32s(1))
  wrongVersion.writeUInt16BE(0x8002, 0)
  const stored = (bytes: Buffer): Buffer => {
    const head = Buffer.alloc(5)
    head.writeUInt16LE(bytes.length, 1)
    head.writeUInt16LE(bytes.length ^ 0xffff, 3)
    return Buffer.concat([Buffer.from([0x78, 0x01]), head, bytes, Buffer.from([0, 0, 0, 0xff, 0xff])])
  }
  for (const [frames, reason] of [
    [[synStream(2, Buffer.alloc(0))], /stream 2 cannot be opened: ids are odd and grow/],
    [[synStream(0, Buffer.alloc(0))], /stream 0 cannot be opened/],
    [[first, synStream(1, Buffer.alloc(0))], /stream 1 cannot be opened.*the last one is 1/],
    [[dataFrame(5, Buffer.from('x'), false)], /stream 5 was never opened/],
    [[first, dataFrame(1, Buffer.from('x'), true), dataFrame(1, Buffer.from('x'), false)], /goes on after its end/],
    [[controlFrame('synReply', 0, uint32s(1))], /an answer to stream 1, which we did not open/],
    [[wrongVersion], /SPDY version 2: 3 is spoken here/],
    [[Buffer.from([0x80, 3, 0, 1, 0, 1, 0, 0])], /a control frame of 65536 bytes, at most 16384/],
    [[controlFrame('rstStream', 0, uint32s(1))], /an RST_STREAM has 8 bytes/],
    [[controlFrame('settings', 0, uint32s(9))], /SETTINGS as long as its number says/],
    [[controlFrame('ping', 0, Buffer.alloc(1))], /a PING has 4 bytes/],
    [[controlFrame('goAway', 0, uint32s(1))], /a GOAWAY has 8 bytes/],
    [[controlFrame('windowUpdate', 0, uint32s(0, 0))], /a WINDOW_UPDATE is of one byte or more/],
    [[controlFrame('windowUpdate', 0, uint32s(0, 0x7fffffff))], /stream 0 has a credit of \d+ bytes/],
    [[first, controlFrame('windowUpdate', 0, uint32s(1, 0x7fffffff))], /stream 1 has a credit of \d+ bytes/],
    [[synStream(1, Buffer.from('no zlib at all'))], /a header block is not what zlib packed/],
    [[synStream(1, stored(uint32s(1000)))], /a header block of 1000 headers, at most 64/],
    [[synStream(1, stored(uint32s(1, 99)))], /a header block is cut short/],
    [[synStream(1, stored(uint32s(0, 0)))], /4 bytes behind the last header/],
    [[synStream(1, await packHeaders()({ x: 'y'.repeat(1_000_000) }))], /inflates to more than 32768 bytes/],
  ] as const) {
    const { send, session, frames: seen, reading } = startSession()
    await send(...frames).catch(() => undefined)
    await session.done
    await reading
    t.match(session.signal.reason, { reason: 'Malformed', message: reason })
    t.ok(seen.every(frame => frame.event === 'control'))
  }
})

t.test('header blocks: what is packed is read, also behind one another; a bomb stops at the bound', async t => {
  const pack = headerPacker()
  const reader = headerReader()
  const headers = new Map([
    ['streamtype', 'data'],
    ['x', 'ü'.repeat(100)],
  ])
  t.strictSame(await reader.read(pack(new Map())), new Map())
  t.strictSame(await reader.read(pack(headers)), headers)
  reader.close()
  await fails(t, reader.read(pack(headers)), 'Malformed', /came when the connection was over/)
  const bomb = headerReader()
  await fails(
    t,
    bomb.read(await packHeaders()({ x: ' '.repeat(10 * mostBlockBytes) })),
    'Malformed',
    /inflates to more than/,
  )
  await fails(t, bomb.read(pack(headers)), 'Malformed', /inflates to more than/)
})

t.test('frames are the same however the bytes are cut', async t => {
  const whole = Buffer.concat([
    controlFrame('ping', 0, uint32s(1)),
    dataFrame(1, Buffer.from('hello'), true),
    dataFrame(3, Buffer.alloc(0), true),
  ])
  const words = (cuts: readonly Uint8Array[]): string => {
    const read = frameReader()
    let text = ''
    for (const cut of cuts)
      for (const frame of read(cut))
        text +=
          frame.event === 'control'
            ? `[${frame.type} ${frame.payload.toString('hex')}]`
            : `${frame.stream}:${Buffer.from(frame.bytes)}${frame.isLast ? '!' : ''}`
    return text.replaceAll(/(?<=\w)1:/g, '')
  }
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: whole.length }), { maxLength: 8 }), at => {
      const places = [0, ...at.toSorted((a, b) => a - b), whole.length]
      const cuts = places.slice(1).map((end, index) => whole.subarray(places[index], end))
      return words(cuts) === words([whole])
    }),
  )
  t.match(words([whole]), '[ping 00000001]1:hello!3:!')
})

t.test('whatever comes, the session ends with a reason that is not a mistake of ours', async t => {
  const pack = packHeaders()
  const good = [
    synStream(1, await pack({ streamtype: 'error', port: '80', requestid: '0' })),
    synStream(3, await pack({ streamtype: 'data', port: '80', requestid: '0' })),
    dataFrame(3, Buffer.from('hello'), false),
    controlFrame('ping', 0, uint32s(1)),
    controlFrame('windowUpdate', 0, uint32s(3, 100)),
    controlFrame('settings', 0, Buffer.concat([uint32s(1), Buffer.alloc(8)])),
    controlFrame('rstStream', 0, uint32s(1, 5)),
    dataFrame(3, Buffer.from('end'), true),
    controlFrame('goAway', 0, uint32s(0, 0)),
  ]
  const ends = async (sent: readonly Uint8Array[]): Promise<boolean> => {
    const { send, session, hangUp, reading } = startSession(stream => void read(stream.incoming).catch(() => undefined))
    for (const bytes of sent) await send(bytes).catch(() => undefined)
    hangUp()
    await session.done
    await reading
    return isFault(session.signal.reason, 'Malformed', 'Unavailable')
  }
  t.ok(await ends(good))
  const order = fc.array(fc.integer({ min: 0, max: good.length - 1 }), { maxLength: 12 })
  const change = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(order, change, async (chosen, changes) => {
      const bytes = Buffer.concat(chosen.map(index => good[index] ?? Buffer.alloc(0)))
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value
      return await ends([bytes])
    }),
    { numRuns: 300, examples: [[[8, 0, 0], []]] },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 6 }), async chunks => await ends(chunks)),
    { numRuns: 100 },
  )
})
