import t from 'tap'
import { Fault } from '../../../src/api/fault.ts'
import { documentSender } from '../../../src/hub/fleet/document-sender.ts'
import { nodeLink, openSession } from '../../../src/hub/fleet/node-link.ts'
import { fleetCounts } from '../../../src/hub/metrics/fleet-counts.ts'
import { openObjects } from '../../../src/hub/store/open-objects.ts'
import { silentLog } from '../../../src/lib/log.ts'
import { fakeBus } from '../../fakes/bus.ts'
import { manualClock, settle } from '../../fakes/clock.ts'
import { fakeStore } from '../../fakes/store.ts'

t.test('a document that no road can carry is told once, and again when the reason is another', async t => {
  const clock = manualClock()
  const objects = openObjects({
    store: fakeStore(),
    kinds: [],
    admission: {},
    atRest: { seal: plain => plain, open: sealed => sealed },
    now: clock.now,
    newUid: () => 'u',
    random: () => 0.5,
    log: silentLog,
  })
  t.teardown(() => objects.close())
  const link = nodeLink('attic')
  openSession(link, 's')
  let why: string | undefined = 'it has 40 MB'
  const told: string[] = []
  const write = (): Buffer => {
    if (why !== undefined) throw new Fault('RequestEntityTooLarge', why)
    return Buffer.from('x')
  }
  let content = 0
  const index = { render: () => ({ digest: `d${content}`, text: '{}' }), close: () => {} }
  const sender = documentSender({
    counts: fleetCounts(undefined),
    objects,
    links: new Map([['attic', link]]),
    indexes: () => ({ state: index, net: index }),
    envelopes: { toNode: write, document: write, wholeDocument: write, toAll: write },
    incarnation: 1,
    term: 1,
    bus: fakeBus().hub,
    cannotSend: (node, message) => told.push(`${node}: ${message}`),
    clock,
    log: silentLog,
  })
  sender.stale('state', 'attic')
  await settle()
  await clock.advance(60_000)
  t.strictSame(told, ['attic: it has 40 MB'])
  why = undefined
  await clock.advance(60_000)
  why = 'it has 41 MB'
  content += 1
  sender.stale('state', 'attic')
  await settle()
  t.strictSame(told, ['attic: it has 40 MB', 'attic: it has 41 MB'])
  await sender.close()
})

t.test('nodes that take nothing hold up no other, and are handed one document at a time', async t => {
  const clock = manualClock()
  const objects = openObjects({
    store: fakeStore(),
    kinds: [],
    admission: {},
    atRest: { seal: plain => plain, open: sealed => sealed },
    now: clock.now,
    newUid: () => 'u',
    random: () => 0.5,
    log: silentLog,
  })
  t.teardown(() => objects.close())
  const names = Array.from({ length: 40 }, (_, index) => `n${index}`)
  const links = new Map(names.map(name => [name, nodeLink(name)]))
  for (const link of links.values()) openSession(link, 's')
  let content = 0
  const index = { render: () => ({ digest: `d${content}`, text: '{}' }), close: () => {} }
  const write = (): Buffer => Buffer.from('x')
  const given: string[] = []
  const frozen = Promise.withResolvers<void>()
  const sender = documentSender({
    objects,
    links,
    indexes: () => ({ state: index, net: index }),
    envelopes: { toNode: write, document: write, wholeDocument: write, toAll: write },
    incarnation: 1,
    term: 1,
    bus: {
      ...fakeBus().hub,
      async publish(node) {
        given.push(node)
        if (node !== 'n39') await frozen.promise
      },
    },
    counts: fleetCounts(undefined),
    cannotSend: () => {},
    clock,
    log: silentLog,
  })
  for (const name of names) sender.stale('state', name)
  await settle()
  t.strictSame(given, names)
  content += 1
  for (const name of names) sender.stale('state', name)
  await settle()
  t.strictSame(given.slice(40), ['n39'])
  frozen.resolve()
  await settle()
  t.equal(given.length, 80, 'the rest is handed over when the node takes again')
  await sender.close()
})
