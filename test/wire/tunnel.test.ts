import t from 'tap'
import { tunnelEnd } from '../../src/wire/side-channel/tunnel.ts'
import {
  readTunnelFrame,
  type TunnelWay,
  tunnelIdOf,
  tunnelKeys,
  writeTunnelFrame,
} from '../../src/wire/side-channel/tunnel-frame.ts'
import { manualClock, settle } from '../fakes/clock.ts'
import { fails } from '../support/fails.ts'
import fc from '../support/fast-check.ts'

const token = 'a'.repeat(64)
const keys = tunnelKeys(token)
const message = (text: string, number = 0, way: TunnelWay = 'to the node') =>
  writeTunnelFrame(keys, way, { kind: 'message', number, bytes: Buffer.from(text) })

/** The node's end, what it heard, and why it ended. */
const anEnd = () => {
  const clock = manualClock()
  const sent: Uint8Array[] = []
  const heard: string[] = []
  const ends: string[] = []
  const end = tunnelEnd({
    token,
    way: 'to the hub',
    publish: async bytes => {
      sent.push(bytes)
    },
    clock,
  })
  end.socket.onMessage(bytes => heard.push(Buffer.from(bytes).toString()))
  end.socket.onClose(why => ends.push(why))
  return { clock, end, sent, heard, ends }
}

t.test('a frame opens at the other end of its tunnel, and nowhere else', async t => {
  const frame = message('hello', 7)
  t.match(readTunnelFrame(keys, 'to the node', frame), { kind: 'message', number: 7 })
  t.notOk(frame.includes('hello'), 'the broker reads nothing')
  t.notOk(frame.toString('latin1').includes(token))
  await fails(t, (async () => readTunnelFrame(keys, 'to the hub', frame))(), 'Distrusted')
  await fails(t, (async () => readTunnelFrame(tunnelKeys('b'.repeat(64)), 'to the node', frame))(), 'Distrusted')
})

t.test('a frame with any bit changed is not believed', async t => {
  const frame = message('hello')
  for (let at = 0; at < frame.length; at += 1) {
    const changed = Buffer.from(frame)
    changed[at] = (changed[at] ?? 0) ^ 4
    await fails(t, (async () => readTunnelFrame(keys, 'to the node', changed))(), 'Distrusted')
  }
})

t.test('whatever comes on the topic is a frame or none, and breaks nothing', async () => {
  const { end, heard, ends } = anEnd()
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), bytes => {
      tunnelIdOf(bytes)
      end.receive(bytes)
      return heard.length === 0 && ends.length === 0
    }),
  )
})

t.test('frames that come twice are heard once, and forged ones not at all', async t => {
  const { end, heard, ends } = anEnd()
  end.receive(message('one', 0))
  end.receive(message('one', 0))
  end.receive(message('two', 1))
  end.receive(message('one', 0))
  end.receive(message('theirs', 2, 'to the hub'))
  t.strictSame(heard, ['one', 'two'])
  t.strictSame(ends, [])
})

t.test('a frame that is missing ends the tunnel', async t => {
  const { end, heard, ends } = anEnd()
  end.receive(message('one', 0))
  end.receive(message('three', 2))
  t.strictSame(ends, ['1 frames were lost on the way'])
  end.receive(message('two', 1))
  t.strictSame(heard, ['one'])
})

t.test('an end that is closed says so, once', async t => {
  const { end, sent, ends } = anEnd()
  await end.greet()
  end.socket.close('enough')
  end.socket.close('again')
  await settle()
  t.strictSame(ends, ['enough'])
  t.strictSame(
    sent.map(bytes => readTunnelFrame(keys, 'to the hub', bytes).kind),
    ['hello', 'close'],
  )
  const other = tunnelEnd({ token, way: 'to the node', publish: async () => {}, clock: manualClock() })
  const why: string[] = []
  other.socket.onClose(text => why.push(text))
  for (const bytes of sent) other.receive(bytes)
  t.strictSame(why, ['enough'])
})

t.test('no more than the cap goes in a second, after a burst', async t => {
  const { end, sent, clock } = anEnd()
  let isGoing = true
  const sending = (async () => {
    while (isGoing) await end.socket.send(Buffer.alloc(16_000))
  })()
  const bytes = () => sent.reduce((sum, one) => sum + one.length, 0)
  await settle()
  t.ok(bytes() < 150_000, `${bytes()} bytes at once`)
  for (let second = 0; second < 10; second += 1) await clock.advance(1000)
  t.ok(bytes() < 11 * 262_144 + 150_000 && bytes() > 8 * 262_144, `${bytes()} bytes in ten seconds`)
  isGoing = false
  await clock.advance(1000)
  await sending
})
