import t from 'tap'
import { keepRenewed } from '../../../src/agent/identity/keep-renewed.ts'
import { Fault } from '../../../src/api/fault.ts'
import { silentLog } from '../../../src/lib/log.ts'
import { manualClock } from '../../fakes/clock.ts'

const minute = 60_000

/** What happened, by the minute of its happening. */
const scene = (of: { isDue?: (now: number) => boolean; isConnected?: () => boolean; fails?: boolean }) => {
  const clock = manualClock(0)
  const renewals: number[] = []
  const renewal = keepRenewed({
    identity: { isRenewalDue: of.isDue ?? (() => false) },
    isConnected: of.isConnected ?? (() => true),
    renew: async () => {
      renewals.push(Math.round(clock.now() / minute))
      if (of.fails) throw new Fault('Unavailable', 'nobody there')
    },
    clock,
    random: () => 0,
    log: silentLog,
  })
  return { clock, renewals, renewal }
}

t.test('a certificate that is far from its end is left alone', async t => {
  const { clock, renewals } = scene({})
  await clock.advance(600 * minute)
  t.strictSame(renewals, [])
})

t.test('one that nears its end is renewed a minute after the start, or within ten minutes', async t => {
  const { clock, renewals } = scene({ isDue: () => true })
  await clock.advance(12 * minute)
  t.strictSame(renewals, [1, 11])
})

t.test('a device that the hub does not let in asks for a new certificate, whatever its clock says', async t => {
  let isConnected = false
  const { clock, renewals } = scene({ isConnected: () => isConnected })
  await clock.advance(2 * minute)
  t.strictSame(renewals, [1])
  isConnected = true
  await clock.advance(600 * minute)
  t.strictSame(renewals, [1])
})

t.test('while the hub is away it is asked ever more seldom', async t => {
  const { clock, renewals } = scene({ isConnected: () => false, fails: true })
  await clock.advance(24 * 60 * minute)
  t.strictSame(renewals, [1, 11, 31, 71, 151, 311, 631, 1271])
})

t.test('a device that the broker refuses asks at once, then ever more seldom while it is refused', async t => {
  const { clock, renewals, renewal } = scene({ isConnected: () => false, fails: true })
  renewal.refused()
  t.strictSame(renewals, [0])
  // A refusal every second for half an hour: those of the looks at 1, 11 and 31 minutes are left out.
  const asked: number[] = []
  for (let second = 0; second < 30 * 60; second += 1) {
    await clock.advance(1000)
    const before = renewals.length
    renewal.refused()
    if (renewals.length > before) asked.push(Math.round(clock.now() / 1000))
  }
  t.strictSame(asked, [60, 180, 420, 900])
})

t.test('a device that was let in meanwhile asks at once when it is refused again', async t => {
  const { clock, renewals, renewal } = scene({})
  renewal.refused()
  renewal.refused()
  t.equal(renewals.length, 1)
  await clock.advance(1000)
  renewal.admitted()
  renewal.refused()
  t.equal(renewals.length, 2)
})

t.test('nothing is done after close', async t => {
  const { clock, renewals, renewal } = scene({ isDue: () => true })
  renewal.close()
  renewal.refused()
  await clock.advance(60 * minute)
  t.strictSame(renewals, [])
})
