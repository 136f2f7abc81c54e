import t from 'tap'
import { afterEnd, noTries, type Tries, waitMs } from '../../../src/agent/link/reconnect.ts'
import fc from '../../support/fast-check.ts'

const failed = (count: number): Tries => ({ failed: count })

t.test('the first tries come soon, and later ones are never more than 30 s apart', async t => {
  t.strictSame(
    [0, 1, 2, 3, 4, 12, 13, 1000].map(count => waitMs(failed(count), 1)),
    [2000, 2000, 4000, 8000, 10_000, 10_000, 30_000, 30_000],
  )
})

t.test('a fleet that lost its hub at one moment comes back spread out', async t => {
  const some = Array.from({ length: 100 }, (_, index) => waitMs(noTries, index / 100))
  t.equal(new Set(some).size, 100)
})

t.test('a connection that held makes up for all that failed, one that fell at once for none', async t => {
  t.strictSame(afterEnd(failed(40), 15_000), noTries)
  t.strictSame(afterEnd(failed(40), 14_999), failed(41))
  t.strictSame(afterEnd(noTries, 0), failed(1))
})

t.test('outages one after another make none of them longer', async () => {
  const outage = fc.record({ tries: fc.integer({ min: 1, max: 12 }), heldMs: fc.integer({ min: 15_000, max: 1e9 }) })
  fc.assert(
    fc.property(fc.array(outage, { maxLength: 20 }), fc.double({ min: 0, max: 1, noNaN: true }), (outages, random) => {
      let tries = noTries
      for (const { tries: count, heldMs } of outages) {
        for (let one = 0; one < count; one += 1) {
          tries = afterEnd(tries, 0)
          const wait = waitMs(tries, random)
          if (wait < 0 || wait > 10_000) return false
        }
        tries = afterEnd(tries, heldMs)
        if (waitMs(tries, random) > 2000) return false
      }
      return true
    }),
  )
})
