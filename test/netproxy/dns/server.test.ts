import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { decode, encode } from 'dns-packet'
import t from 'tap'
import { isFault } from '../../../src/api/fault.ts'
import { silentLog } from '../../../src/lib/log.ts'
import { dnsServer } from '../../../src/netproxy/dns/server.ts'
import { askUpstream } from '../../../src/netproxy/dns/upstream.ts'

const question = (name: string, id = 9) => encode({ type: 'query', id, flags: 0x100, questions: [{ type: 'A', name }] })

/** Answers each question with one address that tells the transport. */
const telling = async (bytes: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer | undefined> => {
  const query = decode(bytes)
  if (query.questions?.[0]?.name === 'silence') return undefined
  return encode({
    type: 'response',
    id: query.id ?? 0,
    questions: query.questions ?? [],
    answers: [
      { type: 'A', name: query.questions?.[0]?.name ?? '', ttl: 1, data: transport === 'udp' ? '1.1.1.1' : '2.2.2.2' },
    ],
  })
}

t.test('one server answers by UDP and by TCP, and asks another so', async t => {
  const server = dnsServer({ answer: telling, log: silentLog })
  t.teardown(() => server.close())
  await server.start('127.0.0.1', 0)
  const at = `127.0.0.1#${server.port}`
  for (const [transport, address] of [
    ['udp', '1.1.1.1'],
    ['tcp', '2.2.2.2'],
  ] as const) {
    const { id, answers } = decode(await askUpstream(at, question('web', 9), transport))
    t.equal(id, 9, 'the id is the asker’s own again')
    t.equal(answers?.[0]?.data, address)
  }
})

t.test('several questions on one connection are answered in order, also when they come in pieces', async t => {
  const server = dnsServer({ answer: telling, log: silentLog })
  t.teardown(() => server.close())
  await server.start('127.0.0.1', 0)
  const framed = Buffer.concat(
    ['a', 'b', 'c'].flatMap((name, index) => {
      const bytes = question(name, index)
      const size = Buffer.alloc(2)
      size.writeUInt16BE(bytes.length)
      return [size, bytes]
    }),
  )
  const names = await new Promise<string[]>((resolve, reject) => {
    const socket = connect(server.port, '127.0.0.1')
    t.teardown(() => socket.destroy())
    let rest = Buffer.alloc(0)
    const found: string[] = []
    socket.on('error', reject)
    socket.on('connect', () => {
      socket.write(framed.subarray(0, 5))
      setImmediate(() => socket.write(framed.subarray(5)))
    })
    socket.on('data', chunk => {
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        found.push(decode(rest.subarray(2, 2 + rest.readUInt16BE(0))).questions?.[0]?.name ?? '')
        rest = rest.subarray(2 + rest.readUInt16BE(0))
      }
      if (found.length === 3) resolve(found)
    })
  })
  t.strictSame(names, ['a', 'b', 'c'])
})

t.test('an answer to another question is no answer', async t => {
  const liar = createSocket('udp4')
  t.teardown(() => liar.close())
  await new Promise<void>(resolve => liar.bind(0, '127.0.0.1', resolve))
  liar.on('message', (bytes, from) => {
    const { id = 0 } = decode(bytes)
    for (const [name, other] of [
      ['evil', id],
      ['web', id ^ 1],
      ['web', id],
    ] as const)
      liar.send(
        encode({
          type: 'response',
          id: other,
          questions: [{ type: 'A', name }],
          answers: [{ type: 'A', name, ttl: 1, data: name === 'evil' || other !== id ? '6.6.6.6' : '1.1.1.1' }],
        }),
        from.port,
        from.address,
      )
  })
  const answer = decode(await askUpstream(`127.0.0.1#${liar.address().port}`, question('web'), 'udp'))
  t.equal(answer.answers?.[0]?.data, '1.1.1.1')
})

t.test('a port that is taken is told with what to do', async t => {
  const taken = createSocket('udp4')
  t.teardown(() => taken.close())
  await new Promise<void>(resolve => taken.bind(0, '127.0.0.1', resolve))
  const server = dnsServer({ answer: telling, log: silentLog })
  const refusal = await server.start('127.0.0.1', taken.address().port).catch((error: unknown) => error)
  t.ok(isFault(refusal, 'Machine'))
  t.match(String(refusal), /Another DNS server/)
  t.equal(server.isListening, false)
})
