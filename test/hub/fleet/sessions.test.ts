import t, { type Test } from 'tap'
import { type OpenLog, serveLogs } from '../../../src/agent/sessions/logs.ts'
import { Fault } from '../../../src/api/fault.ts'
import type { Pod } from '../../../src/api/types.ts'
import { podLogs } from '../../../src/hub/fleet/pod-logs.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { fails } from '../../support/fails.ts'
import { sessionFleet } from '../../support/session-fleet.ts'

const aFleet = async (t: Test, logs: OpenLog) => {
  const fleet = await sessionFleet(t, { serve: { logs: serveLogs(logs) } })
  return { ...fleet, logs: podLogs({ sessions: fleet.sessions, clock: systemClock }) }
}

const pod: Pod = {
  metadata: { name: 'web', namespace: 'default', uid: 'u1' },
  spec: { nodeName: 'attic', containers: [{ name: 'web', image: 'x' }] },
}
const options = { follow: false, previous: false, timestamps: false }

const read = async (source: AsyncIterable<Uint8Array>): Promise<string> => {
  let text = ''
  for await (const chunk of source) text += Buffer.from(chunk).toString()
  return text
}

t.test('a log comes through a session that the node dialled, and the next one through the same', async t => {
  const { logs, dials } = await aFleet(t, async function* (request) {
    yield Buffer.from(`${request.podUid} ${request.container} `)
    yield Buffer.from(`tail ${request.tailLines}`)
  })
  const { signal } = new AbortController()
  t.equal(await read(await logs.open(pod, 'web', { ...options, tailLines: 5 }, signal)), 'u1 web tail 5')
  t.equal(await read(await logs.open(pod, 'side', options, signal)), 'u1 side tail undefined')
  t.equal(dials.length, 1)
})

t.test('two that ask at once make the node dial once', async t => {
  const { logs, dials } = await aFleet(t, async function* () {
    yield Buffer.from('x')
  })
  const { signal } = new AbortController()
  const texts = await Promise.all([1, 2, 3].map(async () => read(await logs.open(pod, 'web', options, signal))))
  t.strictSame(texts, ['x', 'x', 'x'])
  t.equal(dials.length, 1)
})

t.test('a log that is not there says so before a byte is answered', async t => {
  const { logs } = await aFleet(t, async () => {
    throw new Fault('NotFound', 'previous terminated container "web" not found')
  })
  await fails(t, logs.open(pod, 'web', options, new AbortController().signal), 'NotFound', /previous terminated/)
})

t.test('a reader that goes ends the reading on the node', async t => {
  let ended = false
  const { logs } = await aFleet(t, async function* (_request, signal) {
    try {
      yield Buffer.from('first')
      await new Promise(resolve => signal.addEventListener('abort', resolve))
    } finally {
      ended = true
    }
  })
  const gone = new AbortController()
  const source = await logs.open(pod, 'web', { ...options, follow: true }, gone.signal)
  const reader = source[Symbol.asyncIterator]()
  t.equal(Buffer.from((await reader.next()).value ?? '').toString(), 'first')
  gone.abort()
  await reader.next().catch(() => {})
  for (let tries = 0; tries < 6000 && !ended; tries += 1) await new Promise(resolve => setTimeout(resolve, 10))
  t.ok(ended)
})

t.test('a node cannot use the token of another, and one that is away is named', async t => {
  const fleet = await aFleet(t, async function* () {
    yield Buffer.from('x')
  })
  fleet.use('cellar')
  await fails(
    t,
    fleet.logs.open(pod, 'web', options, new AbortController().signal),
    'Unavailable',
    /could not open a session/,
  )
  fleet.use('attic')
  const away: Pod = { ...pod, spec: { nodeName: 'barn', containers: [] } }
  await fails(t, fleet.logs.open(away, 'web', options, new AbortController().signal), 'Unavailable', /barn/)
  const unbound: Pod = { ...pod, spec: { containers: [] } }
  await fails(t, fleet.logs.open(unbound, 'web', options, new AbortController().signal), 'BadRequest', /no node yet/)
})
