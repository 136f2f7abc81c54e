import t from 'tap'
import { slope } from '../../bench/soak/slope.ts'
import fc from '../support/fast-check.ts'

t.test('a line through points that lie on it is that line', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -1000, max: 1000 }),
      fc.integer({ min: -1000, max: 1000 }),
      fc.integer({ min: 3, max: 50 }),
      (rise, base, count) => {
        const found = slope(Array.from({ length: count }, (_, x) => [x, base + rise * x] as const))
        return Math.abs(found.slope - rise) < 1e-6 && found.error < 1e-6
      },
    ),
  )
})

t.test('points that only scatter have a slope of less than two of its errors', async t => {
  const found = slope([0, 1, 2, 3, 4, 5, 6, 7].map(x => [x, x % 2 === 0 ? 10 : 12]))
  t.ok(Math.abs(found.slope) < 2 * found.error)
  t.equal(found.mean, 11)
})

t.test('two points are no line', async t => {
  t.equal(
    slope([
      [0, 1],
      [1, 2],
    ]).error,
    Number.POSITIVE_INFINITY,
  )
})
