import t from 'tap'
import { liveSessions, type SessionEvent } from '../../../src/hub/remote/live-sessions.ts'
import { fails } from '../../support/fails.ts'

const facts = { what: 'exec', user: 'ann', from: '10.0.0.7', node: 'barn', pod: 'web', detail: 'sh' } as const

const aHub = () => {
  const told: SessionEvent[] = []
  let time = 1000
  const ids = ['id1', 'id2', 'id3']
  const sessions = liveSessions({
    tell: event => told.push(event),
    now: () => time,
    randomHex: () => ids.shift() ?? 'more',
  })
  const wait = (ms: number): void => {
    time += ms
  }
  return { told, sessions, wait }
}

t.test('a session is told when it begins and when it ends, with its bytes and how long it was', async t => {
  const { told, sessions, wait } = aHub()
  const session = sessions.begin(facts)
  session.toNode(3)
  session.fromNode(500)
  session.fromNode(12)
  t.match(sessions.list(), [{ id: 'id1', startedAt: 1000, bytesToNode: 3, bytesFromNode: 512, user: 'ann' }])
  wait(2500)
  session.end('exit code 0')
  session.end('again')
  t.strictSame(sessions.list(), [])
  t.strictSame(told, [
    { event: 'started', session: 'id1', ...facts },
    {
      event: 'ended',
      session: 'id1',
      ...facts,
      seconds: 2.5,
      bytesToNode: 3,
      bytesFromNode: 512,
      outcome: 'exit code 0',
    },
  ])
})

t.test('whoever stops a session is named as the reason', async t => {
  const { sessions } = aHub()
  const session = sessions.begin(facts)
  sessions.stop('id1', 'user "bob"')
  t.ok(session.signal.aborted)
  t.match(session.signal.reason, { reason: 'Conflict', message: 'the session was ended by user "bob"' })
  await fails(t, () => sessions.stop('nope', 'bob'), 'NotFound', /no live session "nope"/)
})

t.test('of a session that is ended elsewhere, as a shell on its device, whoever did it is the reason, too', async t => {
  const { sessions } = aHub()
  const session = sessions.begin(facts)
  t.equal(session.endedFor, undefined)
  sessions.announce('id1', 'bob')
  t.notOk(session.signal.aborted)
  t.match(session.endedFor, { reason: 'Conflict', message: 'the session was ended by bob' })
  sessions.announce('nope', 'bob')
})

t.test('an id is open once, and may come again when it has ended', async t => {
  const { sessions } = aHub()
  const named = { id: 'same', takeOver: false }
  const first = sessions.begin(facts, named)
  await fails(t, () => sessions.begin(facts, named), 'Conflict')
  first.end('left')
  const second = sessions.begin(facts, named)
  first.end('late')
  t.equal(sessions.list().length, 1)
  second.end('left')
})

t.test('who comes to a session from elsewhere sends away who is there, if both are one user', async t => {
  const { sessions, told } = aHub()
  const first = sessions.begin(facts, { id: 'same', takeOver: false })
  await fails(
    t,
    () => sessions.begin({ ...facts, user: 'bob' }, { id: 'same', takeOver: true }),
    'Forbidden',
    /of "ann"/,
  )
  sessions.begin(facts, { id: 'same', takeOver: true })
  t.match(first.signal.reason, { reason: 'Conflict', message: /from elsewhere/ })
  t.equal(sessions.list().length, 1)
  t.strictSame(
    told.map(one => one.event),
    ['started', 'ended', 'started'],
  )
})

t.test('a long command is cut short', async t => {
  const { told, sessions } = aHub()
  sessions.begin({ ...facts, detail: 'x'.repeat(10_000) })
  t.equal(told[0]?.detail?.length, 500)
})
