import t from 'tap'
import { ageOf, humanDuration, parseDuration } from '../../src/api/duration.ts'
import { reasonOf } from './fault-of.ts'

t.test('Go durations', async t => {
  const table: readonly (readonly [string, number])[] = [
    ['0', 0],
    ['90s', 90_000],
    ['1h2m3.5s', 3_723_500],
    ['-1.5h', -5_400_000],
    ['300ms', 300],
    ['.5s', 500],
  ]
  for (const [text, ms] of table) t.equal(parseDuration(text), ms, text)
  for (const text of ['', '1', 's', '1x', '1 s', '-', '1h-2m'])
    t.equal(
      reasonOf(() => parseDuration(text)),
      'Malformed',
      text,
    )
})

t.test('ages are written as kubectl writes them', async t => {
  const second = 1_000
  const minute = 60 * second
  const hour = 60 * minute
  const day = 24 * hour
  const table: readonly (readonly [number, string])[] = [
    [-3 * second, '<invalid>'],
    [-second, '0s'],
    [0, '0s'],
    [119 * second, '119s'],
    [2 * minute, '2m'],
    [2 * minute + 5 * second, '2m5s'],
    [10 * minute + 5 * second, '10m'],
    [179 * minute, '179m'],
    [3 * hour + 20 * minute, '3h20m'],
    [8 * hour + 20 * minute, '8h'],
    [47 * hour, '47h'],
    [2 * day + 3 * hour, '2d3h'],
    [8 * day + 3 * hour, '8d'],
    [729 * day, '729d'],
    [2 * 365 * day + 3 * day, '2y3d'],
    [9 * 365 * day, '9y'],
  ]
  for (const [ms, text] of table) t.equal(humanDuration(ms), text, String(ms))
  t.equal(ageOf(undefined, 0), '<unknown>')
  t.equal(ageOf('2026-01-01T00:00:00Z', Date.UTC(2026, 0, 1, 0, 0, 42)), '42s')
})
