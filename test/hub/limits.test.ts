import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect } from 'node:tls'
import t, { type Test } from 'tap'
import { addressGroup } from '../../src/hub/address-group.ts'
import { connectionAdmission } from '../../src/hub/broker/connection-admission.ts'
import { clientPace } from '../../src/hub/broker/pace.ts'
import { hubMeter } from '../../src/hub/metrics/hub-metrics.ts'
import { restCounts } from '../../src/hub/rest/rest-counts.ts'
import { restLimits } from '../../src/hub/rest/rest-limits.ts'
import { shares } from '../../src/hub/rest/shares.ts'
import { exposition } from '../../src/lib/exposition.ts'
import { manualClock } from '../fakes/clock.ts'
import { readExposition, valueIn } from '../support/exposition.ts'
import { startKit } from '../support/rest.ts'
import { until } from '../support/until.ts'

t.test('an IPv6 address counts as the /64 that one party has, an IPv4 address as itself', async t => {
  const groups: readonly (readonly [string, string])[] = [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2::7', '2001:db8:1:2'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:DB8::1', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['', ''],
  ]
  for (const [address, group] of groups) t.equal(addressGroup(address), group, address)
})

t.test('an address is heard until too many of its connections came to nothing, and again after a while', async t => {
  const clock = manualClock()
  const { admitsAddress, blame } = connectionAdmission({ clock })
  for (let count = 0; count < 200; count += 1) {
    t.ok(admitsAddress('192.0.2.1'))
    blame('192.0.2.1')
  }
  t.notOk(admitsAddress('192.0.2.1'))
  t.ok(admitsAddress('192.0.2.2'), 'another is not to blame')
  await clock.advance(1000)
  t.ok(admitsAddress('192.0.2.1'))
})

t.test('one node that comes again and again is turned away for a while, and no other with it', async t => {
  const clock = manualClock()
  const { admitsNode } = connectionAdmission({ clock })
  t.equal(Array.from({ length: 100 }, () => admitsNode('attic')).filter(Boolean).length, 30)
  t.ok(admitsNode('cellar'))
  await clock.advance(4000)
  t.equal(Array.from({ length: 100 }, () => admitsNode('attic')).filter(Boolean).length, 2)
})

t.test('a client that says too much at once rests, the longer the more it said', async t => {
  const clock = manualClock()
  const pace = clientPace(clock)
  t.equal(pace(300, 60_000), 0, 'a node with many pods that comes back')
  t.equal(pace(1600, 0), 0)
  const rest = pace(400, 0)
  t.ok(rest > 0)
  t.ok(pace(0, 8 * 1024 * 1024) > rest, 'bytes count, too')
  await clock.advance(60_000)
  t.equal(pace(1, 100), 0)
})

t.test('nobody may have all of what all have together', async t => {
  const all = shares({ most: 10, mostOfUser: 6 })
  t.ok(all.take('eva', 6))
  t.notOk(all.take('eva', 1))
  t.ok(all.take('adam', 3))
  t.notOk(all.take('adam', 2), 'that is more than there is')
  t.ok(all.take('adam', 1))
  t.notOk(all.take('noah', 1), 'there is no room at all')
  all.give('eva', 6)
  t.ok(all.take('noah', 100), 'the first thing may be large')
  t.notOk(all.take('noah', 1))
  t.equal(all.taken, 104)
})

t.test('what a request has claimed it gives back once, and what is refused is counted', async t => {
  const meter = hubMeter()
  const limits = restLimits(restCounts(meter))
  const over = limits.body('eva', 30 * 1024 * 1024)
  t.throws(() => limits.body('eva', 3 * 1024 * 1024), { reason: 'TooManyRequests', message: /try again later/ })
  over()
  over()
  limits.body('eva', 3 * 1024 * 1024)
  const families = readExposition([...exposition(meter.families())].join(''))
  t.equal(valueIn(families, 'apiserver_dropped_requests_total', { reason: 'bodies' }), 1)
})

const counted = async (t: Test) => {
  const meter = hubMeter()
  const kit = await startKit(t, { meter })
  const read = (name: string, labels: { readonly [label: string]: string } = {}) =>
    valueIn(readExposition([...exposition(meter.families())].join('')), name, labels) ?? 0
  return { kit, read }
}

t.test('handshakes under way are seen, and those of one address are bounded', async t => {
  const { kit, read } = await counted(t)
  const sockets = Array.from({ length: 1100 }, () => connectTcp(kit.server.port, '127.0.0.1').on('error', () => {}))
  await until('most are under way, the rest is turned away', () => {
    const [now, evicted] = [read('dunlin_tls_handshakes', { port: 'api' }), read('dunlin_tls_handshakes_evicted_total')]
    return now === 1000 && evicted > 0
  })
  for (const socket of sockets) socket.destroy()
  await until('all are gone', () => read('dunlin_tls_handshakes', { port: 'api' }) === 0)
  t.match(await kit.ask({ path: '/healthz' }), { status: 200 })
  t.equal(read('dunlin_tls_handshakes', { port: 'api' }), 0, 'a handshake that succeeds is no longer one')
})

t.test('of connections on which nobody has shown who it is, the oldest goes when there are too many', async t => {
  const { kit, read } = await counted(t)
  const open = async () => {
    const socket = connect({ host: '127.0.0.1', port: kit.server.port, ca: kit.keys.ca.pem }).on('error', () => {})
    t.teardown(() => socket.destroy())
    await once(socket, 'secureConnect')
    return socket
  }
  t.match(await kit.ask({ path: '/api/v1/namespaces' }), { status: 200 })
  const first = await open()
  const closed = new Promise(resolve => first.once('close', resolve))
  for (let count = 0; count < 5; count += 1) await Promise.all(Array.from({ length: 100 }, open))
  await closed
  t.equal(read('dunlin_http_connections_refused_total', { reason: 'full' }), 1)
  t.match(await kit.ask({ path: '/api/v1/namespaces' }), { status: 200 }, 'the one that is known stays')
})
