import t from 'tap'
import type { Event } from '../../../src/api/types.ts'
import { eventRecorder, eventTtlMs } from '../../../src/hub/controllers/events.ts'
import { silentLog } from '../../../src/lib/log.ts'
import { controlled } from '../../support/controlled.ts'

const about = { apiVersion: 'v1', kind: 'Pod', namespace: 'default', name: 'web', uid: 'uid-1' }
const aHappening = (change: { readonly reason?: string; readonly message?: string } = {}) => ({
  about,
  type: 'Warning' as const,
  reason: 'BackOff',
  message: 'Back-off restarting failed container',
  component: 'agent',
  host: 'attic',
  ...change,
})

const world = async (t: Parameters<typeof controlled>[0]) => {
  const world = await controlled(t)
  const recorder = eventRecorder({ objects: world.objects, clock: world.clock, log: silentLog })
  const events = () => world.objects.list<Event>('Event').filter(event => event.involvedObject.name === 'web')
  return { ...world, recorder, events, pass: world.pass }
}

t.test('the same thing again is one event with a count', async t => {
  const { recorder, events, clock } = await world(t)
  recorder.record(aHappening())
  await recorder.close()
  await clock.advance(5_000)
  recorder.record(aHappening())
  recorder.record(aHappening())
  recorder.record(aHappening({ message: 'another' }))
  await recorder.close()
  t.strictSame(
    events()
      .map(event => event.count)
      .toSorted(),
    [1, 3],
  )
  const [many] = events().filter(event => event.count === 3)
  t.match(many, {
    involvedObject: about,
    type: 'Warning',
    reason: 'BackOff',
    source: { component: 'agent', host: 'attic' },
    firstTimestamp: '2026-01-02T03:04:05Z',
    lastTimestamp: '2026-01-02T03:04:10Z',
  })
})

t.test('one object cannot fill the store: a burst, then one every five minutes', async t => {
  const { recorder, events, clock } = await world(t)
  for (let number = 0; number < 100; number += 1) recorder.record(aHappening({ message: `number ${number}` }))
  await recorder.close()
  t.equal(events().length, 25)
  await clock.advance(300_000)
  for (let number = 100; number < 110; number += 1) recorder.record(aHappening({ message: `number ${number}` }))
  await recorder.close()
  t.equal(events().length, 26)
})

t.test('an event goes after an hour in which nobody repeats it', async t => {
  const { recorder, events, clock, pass } = await world(t)
  recorder.record(aHappening())
  recorder.record(aHappening({ reason: 'Other' }))
  await recorder.close()
  await clock.advance(eventTtlMs / 2)
  recorder.record(aHappening())
  await recorder.close()
  await pass(eventTtlMs / 2000 + 120)
  t.strictSame(
    events().map(event => event.reason),
    ['BackOff'],
  )
  await pass(eventTtlMs / 2000 + 120)
  t.strictSame(events(), [])
})

t.test('an event about something in a namespace that is gone is let go', async t => {
  const { recorder, complaints } = await world(t)
  recorder.record({ ...aHappening(), about: { ...about, namespace: 'gone' } })
  await recorder.close()
  t.strictSame(complaints, [])
})
