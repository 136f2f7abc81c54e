import t from 'tap'
import { siteRounds } from '../../../src/hub/fleet/site-rounds.ts'
import { manualClock } from '../../fakes/clock.ts'

const world = (restMs: number) => {
  const clock = manualClock(0)
  const begun: string[] = []
  const rounds = siteRounds({
    clock,
    restMs: () => restMs,
    begin: site => begun.push(`${site} at ${clock.monotonic()}`),
  })
  return { clock, begun, rounds }
}

t.test('a change after a quiet time is told at once, all that follow in the rest are told together', async t => {
  const { clock, begun, rounds } = world(1000)
  for (let change = 0; change < 1000; change += 1) rounds.want('a', 0)
  t.strictSame(begun, ['a at 0'])
  await clock.advance(999)
  rounds.want('a', 0)
  t.equal(begun.length, 1)
  await clock.advance(5000)
  t.strictSame(begun, ['a at 0', 'a at 1000'])
  rounds.want('a', 0)
  t.strictSame(begun.at(-1), 'a at 5999')
})

t.test('what may wait waits, and goes with what may not', async t => {
  const { clock, begun, rounds } = world(100)
  rounds.want('a', 500)
  await clock.advance(200)
  rounds.want('a', 500)
  rounds.want('a', 0)
  await clock.advance(5000)
  t.strictSame(begun, ['a at 200'])
})

t.test('a site does not wait for another, and nothing begins after the close', async t => {
  const { clock, begun, rounds } = world(100)
  rounds.want('a', 0)
  rounds.want('b', 0)
  rounds.want('a', 0)
  rounds.close()
  await clock.advance(1000)
  t.strictSame(begun, ['a at 0', 'b at 0'])
})
