import { decode, encode, type Packet } from 'dns-packet'
import t from 'tap'
import { zoneOf } from '../../../src/core/services/dns-zone.ts'
import type { ServiceEntry } from '../../../src/core/services/neighbourhood.ts'
import type { Clock } from '../../../src/lib/clock.ts'
import { silentLog } from '../../../src/lib/log.ts'
import { answerQuestion } from '../../../src/netproxy/dns/answer.ts'
import { answerCache } from '../../../src/netproxy/dns/answer-cache.ts'
import type { AskUpstream } from '../../../src/netproxy/dns/upstream.ts'
import { aNetwork } from '../../contract/pod-network.ts'
import { aNeighbourhood, anEndpoint, aService } from '../../core/services/a-service.ts'
import fc from '../../support/fast-check.ts'

const handClock = () => {
  let now = 0
  const clock: Clock = { now: () => now, monotonic: () => now, after: () => () => {} }
  return { clock, pass: (seconds: number) => (now += seconds * 1000) }
}

/** A DNS server that knows the services given; `upstream` answers for all other names. */
const world = (
  services: readonly ServiceEntry[],
  upstream: (question: Packet, server: string) => Packet | undefined = () => undefined,
  hand = handClock(),
) => {
  const asked: string[] = []
  const ask: AskUpstream = async (server, bytes) => {
    const question = decode(bytes)
    asked.push(`${server} ${question.questions?.[0]?.name}`)
    const answer = upstream(question, server)
    if (answer === undefined) throw new Error('no answer')
    return encode({ ...answer, type: 'response', id: question.id ?? 0, questions: question.questions ?? [] })
  }
  const answer = answerQuestion({
    zone: () => zoneOf(aNeighbourhood(services), aNetwork),
    domain: 'cluster.local',
    upstream: async () => ['192.0.2.53', '192.0.2.54'],
    ask,
    cache: answerCache(hand.clock),
    random: () => 0.3,
    log: silentLog,
  })
  const lookUp = async (
    name: string,
    type = 'A',
    how: { readonly transport?: 'udp' | 'tcp'; readonly edns?: number } = {},
  ): Promise<Packet & { readonly bytes: number }> => {
    const additionals =
      how.edns === undefined ? [] : [{ type: 'OPT', name: '.', udpPayloadSize: how.edns, flags: 0, data: [] }]
    const bytes = await answer(
      encode({ type: 'query', id: 7, flags: 0x100, questions: [{ type, name }], additionals }),
      how.transport ?? 'udp',
    )
    if (bytes === undefined) throw new Error('no answer')
    return { ...decode(bytes), bytes: bytes.length }
  }
  /** `NOERROR A 10.96.1.1` */
  const say = async (name: string, type = 'A'): Promise<string> => {
    const { rcode, answers = [] } = await lookUp(name, type)
    return [
      rcode,
      ...answers.map(one => `${one.type} ${typeof one.data === 'string' ? one.data : JSON.stringify(one.data)}`),
    ].join(' ')
  }
  return { lookUp, say, answer, asked, hand }
}

const { clusterIP: _, ...headless } = aService({
  name: 'db',
  ports: [{ name: 'sql', protocol: 'TCP', port: 5432 }],
  endpoints: [
    anEndpoint({ address: '10.64.1.1', hostname: 'db-0', ports: { sql: 15432 } }),
    anEndpoint({ address: '10.64.1.2', ports: { sql: 15432 } }),
    anEndpoint({ address: '10.64.1.3', ready: false, ports: { sql: 15432 } }),
  ],
})
const web = aService({ ports: [{ name: 'http', protocol: 'TCP', port: 80 }] })
const outside = aService({ name: 'out', type: 'ExternalName', externalName: 'api.example.org' })
const all = [web, headless, outside]

t.test('names of the fleet', async t => {
  const { say, asked } = world(all)
  const cases: readonly (readonly [string, string, string])[] = [
    ['web.default.svc.cluster.local', 'A', 'NOERROR A 10.96.1.1'],
    ['WEB.Default.svc.cluster.LOCAL', 'A', 'NOERROR A 10.96.1.1'],
    ['web.default.svc.cluster.local', 'AAAA', 'NOERROR'],
    ['nobody.default.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['web.other.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['default.svc.cluster.local', 'A', 'NOERROR'],
    ['svc.cluster.local', 'A', 'NOERROR'],
    ['cluster.local', 'A', 'NOERROR'],
    ['example.org.default.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['db-0.db.default.svc.cluster.local', 'A', 'NOERROR A 10.64.1.1'],
    ['10-64-1-2.db.default.svc.cluster.local', 'A', 'NOERROR A 10.64.1.2'],
    ['10-64-1-3.db.default.svc.cluster.local', 'A', 'NXDOMAIN'],
    [
      '_http._tcp.web.default.svc.cluster.local',
      'SRV',
      'NOERROR SRV {"priority":0,"weight":100,"port":80,"target":"web.default.svc.cluster.local"}',
    ],
    ['_tcp.web.default.svc.cluster.local', 'A', 'NOERROR'],
    ['10-64-9-9.default.pod.cluster.local', 'A', 'NOERROR A 10.64.9.9'],
    ['what-ever.default.pod.cluster.local', 'A', 'NXDOMAIN'],
    ['1.1.96.10.in-addr.arpa', 'PTR', 'NOERROR PTR web.default.svc.cluster.local'],
    ['1.1.64.10.in-addr.arpa', 'PTR', 'NOERROR PTR db-0.db.default.svc.cluster.local'],
    ['9.9.96.10.in-addr.arpa', 'PTR', 'NXDOMAIN'],
  ]
  for (const [name, type, expected] of cases) t.equal(await say(name, type), expected, `${name} ${type}`)
  t.strictSame(asked, [], 'none of it is asked elsewhere')
})

t.test('a name or an address that fits into no message is left out', async t => {
  const { say } = world([
    aService({ name: 'x'.repeat(64) }),
    aService({ name: 'bad', clusterIP: 'nowhere' }),
    aService({ name: 'far', type: 'ExternalName', externalName: 'a..b' }),
    web,
  ])
  t.equal(await say(`${'x'.repeat(63)}.default.svc.cluster.local`), 'NXDOMAIN')
  t.equal(await say('bad.default.svc.cluster.local'), 'NXDOMAIN')
  t.equal(await say('far.default.svc.cluster.local'), 'NXDOMAIN')
  t.equal(await say('web.default.svc.cluster.local'), 'NOERROR A 10.96.1.1')
})

t.test('an empty answer carries the start of authority, so that it is kept no longer than others', async t => {
  const { lookUp } = world(all)
  for (const name of ['web.default.svc.cluster.local', 'nobody.default.svc.cluster.local']) {
    const { authorities = [], flag_aa } = await lookUp(name, 'AAAA')
    t.strictSame(
      authorities.map(one => [one.type, one.name, one.ttl]),
      [['SOA', 'cluster.local', 5]],
    )
    t.equal(flag_aa, true)
  }
})

t.test('a headless Service is all its ready endpoints; its ports name them, addresses included', async t => {
  const { lookUp } = world(all)
  const { answers = [] } = await lookUp('db.default.svc.cluster.local')
  t.strictSame(answers.map(one => one.data).toSorted(), ['10.64.1.1', '10.64.1.2'])
  t.ok(answers.every(one => one.ttl === 5))
  const srv = await lookUp('_sql._tcp.db.default.svc.cluster.local', 'SRV')
  t.strictSame(
    (srv.answers ?? []).map(one => one.data).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
    [
      { priority: 0, weight: 100, port: 15432, target: '10-64-1-2.db.default.svc.cluster.local' },
      { priority: 0, weight: 100, port: 15432, target: 'db-0.db.default.svc.cluster.local' },
    ],
  )
  t.strictSame((srv.additionals ?? []).map(one => one.data).toSorted(), ['10.64.1.1', '10.64.1.2'])
})

t.test('what does not fit is cut and marked; by TCP all of it comes', async t => {
  const { clusterIP: _, ...big } = aService({
    endpoints: Array.from({ length: 100 }, (_, index) =>
      anEndpoint({ address: `10.64.1.${index + 1}`, node: 'node-3' }),
    ),
  })
  const { lookUp } = world([big])
  const name = 'web.default.svc.cluster.local'
  const plain = await lookUp(name)
  t.ok(plain.bytes <= 512)
  t.ok((plain.answers?.length ?? 0) >= 25)
  t.equal(plain.flag_tc, true)
  const edns = await lookUp(name, 'A', { edns: 4096 })
  t.ok(edns.bytes <= 1232)
  t.ok((edns.answers?.length ?? 0) > (plain.answers?.length ?? 0))
  const tcp = await lookUp(name, 'A', { transport: 'tcp' })
  t.equal(tcp.answers?.length, 100)
  t.equal(tcp.flag_tc, false)
})

t.test('another name for a Service is followed to its addresses', async t => {
  const { lookUp, asked } = world(all, () => ({
    answers: [{ type: 'A', name: 'api.example.org', ttl: 60, data: '203.0.113.7' }],
  }))
  const { answers = [] } = await lookUp('out.default.svc.cluster.local')
  t.strictSame(
    answers.map(one => `${one.name} ${one.type} ${one.data}`),
    ['out.default.svc.cluster.local CNAME api.example.org', 'api.example.org A 203.0.113.7'],
  )
  t.strictSame(asked, ['192.0.2.53 api.example.org'])
})

t.test(
  'names of elsewhere are asked upstream, kept as long as they say, and served stale when nobody can be asked',
  async t => {
    let isOnline = true
    const { lookUp, asked, hand } = world(all, question =>
      isOnline
        ? { answers: [{ type: 'A', name: question.questions?.[0]?.name ?? '', ttl: 60, data: '203.0.113.7' }] }
        : undefined,
    )
    const ttl = async () => (await lookUp('Example.org')).answers?.[0]?.ttl
    t.equal(await ttl(), 60)
    hand.pass(20)
    t.equal(await ttl(), 40)
    t.equal(asked.length, 1)
    hand.pass(60)
    isOnline = false
    t.equal(await ttl(), 5)
    t.equal(asked.length, 3, 'both servers were tried')
    t.equal((await lookUp('unknown.example.org')).rcode, 'SERVFAIL')
    hand.pass(100_000)
    t.equal((await lookUp('example.org')).rcode, 'SERVFAIL')
  },
)

t.test('the next server is asked when one has trouble; that a name does not exist is kept for seconds', async t => {
  const { lookUp, asked, hand } = world(all, (_, server) => (server === '192.0.2.53' ? { flags: 2 } : { flags: 3 }))
  t.equal((await lookUp('no.example.org')).rcode, 'NXDOMAIN')
  t.equal((await lookUp('no.example.org')).rcode, 'NXDOMAIN')
  t.strictSame(asked, ['192.0.2.53 no.example.org', '192.0.2.54 no.example.org'])
  hand.pass(6)
  await lookUp('no.example.org')
  t.equal(asked.length, 4)
})

t.test('while the fleet’s names are not known, who asks for them is left to ask again', async t => {
  const answer = answerQuestion({
    zone: () => undefined,
    domain: 'cluster.local',
    upstream: async () => [],
    ask: async () => Buffer.alloc(0),
    cache: answerCache(handClock().clock),
    random: () => 0,
    log: silentLog,
  })
  const ask = (name: string) => answer(encode({ type: 'query', id: 1, questions: [{ type: 'A', name }] }), 'udp')
  t.equal(await ask('web.default.svc.cluster.local'), undefined)
  t.equal(decode((await ask('example.org')) ?? Buffer.alloc(0)).rcode, 'SERVFAIL')
})

t.test('the cache holds no more than its bound', async t => {
  const { clock } = handClock()
  const cache = answerCache(clock)
  for (let index = 0; index < 10_100; index += 1)
    cache.put(
      `name-${index}`,
      encode({
        type: 'response',
        id: 1,
        questions: [{ type: 'A', name: 'a.b' }],
        answers: [{ type: 'A', name: 'a.b', ttl: 60, data: '1.2.3.4' }],
      }),
    )
  t.equal(cache.size, 10_000)
  t.equal(cache.get('name-0', { isStaleFine: true }), undefined)
})

t.test('whatever bytes come, there is an answer to the sender’s id or none, and no error', async t => {
  const { answer } = world(all)
  const message = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    fc
      .uint8Array({ minLength: 1, maxLength: 60 })
      .map(rest => Uint8Array.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...rest])),
    fc.tuple(fc.nat(40), fc.nat(255)).map(([at, value]) => {
      const bytes = encode({ type: 'query', id: 7, questions: [{ type: 'A', name: 'web.default.svc.cluster.local' }] })
      bytes[at] = value
      return new Uint8Array(bytes)
    }),
  )
  await fc.assert(
    fc.asyncProperty(message, fc.constantFrom('udp', 'tcp'), async (bytes, transport) => {
      const reply = await answer(Buffer.from(bytes), transport)
      if (reply === undefined) return
      t.equal(reply.readUInt16BE(0), Buffer.from(bytes).readUInt16BE(0))
      t.ok((reply.readUInt16BE(2) & 0x8000) !== 0)
    }),
    { numRuns: 500 },
  )
})
