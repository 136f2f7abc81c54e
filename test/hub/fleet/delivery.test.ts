import t from 'tap'
import {
  acknowledge,
  type Delivery,
  dueAt,
  greet,
  noDelivery,
  sent,
  underWayUntil,
  want,
} from '../../../src/hub/fleet/delivery.ts'
import type { Held } from '../../../src/wire/payloads.ts'

const held = (revision: number, digest: string, incarnation = 1): Held => ({
  tuple: { incarnation, revision, term: 1 },
  digest,
})
const isDue = (delivery: Delivery, now = 0): boolean => (dueAt(delivery) ?? Number.POSITIVE_INFINITY) <= now

t.test('what is wanted is due until it is acknowledged', async t => {
  const wanted = want(noDelivery, held(5, 'a'))
  t.ok(isDue(wanted))
  t.notOk(isDue(acknowledge(sent(wanted, 0), held(5, 'a')), 1e9))
})

t.test('nothing is due while nothing is wanted', async t => {
  t.equal(dueAt(noDelivery), undefined)
  t.equal(dueAt(greet(noDelivery, held(5, 'a'))), undefined)
})

t.test('it is sent again after 2 s, then 4, and never later than 5 min', async t => {
  let delivery = want(noDelivery, held(5, 'a'))
  const waits: number[] = []
  for (let round = 0; round < 10; round += 1) {
    delivery = sent(delivery, 0)
    waits.push(dueAt(delivery) ?? 0)
  }
  t.strictSame(waits.slice(0, 3), [2000, 4000, 8000])
  t.equal(waits.at(-1), 300_000)
})

t.test('the same content again keeps its order and its place in the back-off', async t => {
  const waiting = sent(want(noDelivery, held(5, 'a')), 0)
  t.equal(want(waiting, held(9, 'a')), waiting)
  t.ok(isDue(want(waiting, held(9, 'b'))), 'other content is due at once')
  t.ok(isDue(want(waiting, held(3, 'a', 2))), 'after a restore its order must reach the node')
})

t.test('content that came back is sent when something else may still be under way', async t => {
  const had = acknowledge(sent(want(noDelivery, held(5, 'a')), 0), held(5, 'a'))
  const other = sent(want(had, held(6, 'b')), 0)
  const back = want(other, held(7, 'a'))
  t.ok(isDue(back))
  t.notOk(isDue(acknowledge(sent(back, 0), held(7, 'a')), 1e9))
})

t.test('a late word of an older order changes nothing; a hello is always believed', async t => {
  const has = acknowledge(sent(want(noDelivery, held(5, 'a')), 0), held(5, 'a'))
  t.equal(acknowledge(has, held(4, 'z')), has)
  t.ok(isDue(greet(has, undefined)), 'the node lost its disk')
  t.notOk(isDue(greet(has, held(5, 'a'))))
})

t.test('what was sent is under way until it is acknowledged, but not for ever', async t => {
  const waiting = sent(want(noDelivery, held(5, 'a')), 1000)
  t.equal(underWayUntil(noDelivery), Number.NEGATIVE_INFINITY)
  t.equal(underWayUntil(waiting), 6000)
  t.equal(underWayUntil(acknowledge(waiting, held(4, 'z'))), 6000)
  t.equal(underWayUntil(acknowledge(waiting, held(5, 'a'))), Number.NEGATIVE_INFINITY)
  t.equal(underWayUntil(greet(waiting, undefined)), Number.NEGATIVE_INFINITY, 'a new connection has nothing under way')
})
