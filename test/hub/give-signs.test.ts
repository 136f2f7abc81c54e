import t from 'tap'
import { giveSigns } from '../../src/hub/give-signs.ts'
import { silentLog } from '../../src/lib/log.ts'
import { manualClock } from '../fakes/clock.ts'

const aHub = (check: () => Promise<void>) => {
  const clock = manualClock()
  let beats = 0
  const supervisor = {
    beatEveryMs: 1000,
    beat() {
      beats += 1
    },
  }
  const signs = giveSigns({ supervisor, check, clock, log: silentLog })
  return { clock, signs, beats: () => beats }
}

t.test('a hub whose parts answer gives a sign each time', async t => {
  const { clock, signs, beats } = aHub(async () => {})
  for (let round = 1; round <= 3; round += 1) {
    await clock.advance(1000)
    t.equal(beats(), round)
  }
  signs.close()
  await clock.advance(5000)
  t.equal(beats(), 3, 'and none after its end')
})

t.test('a part that is not well withholds the sign until it is', async t => {
  let isWell = false
  const { clock, beats } = aHub(async () => {
    if (!isWell) throw new Error('the store does not answer')
  })
  await clock.advance(2000)
  t.equal(beats(), 0)
  isWell = true
  await clock.advance(1000)
  t.equal(beats(), 1)
})

t.test('a store that never answers withholds all signs', async t => {
  const { clock, beats } = aHub(() => new Promise(() => {}))
  await clock.advance(10_000)
  t.equal(beats(), 0)
})
