import { generate } from 'mqtt-packet'
import t from 'tap'
import { frameGuard } from '../../src/wire/frame-guard.ts'
import fc from '../support/fast-check.ts'

t.test('frames within the bound pass, however the bytes are cut', async () => {
  const frames = [
    generate({ cmd: 'publish', topic: 'a', payload: Buffer.alloc(5000), qos: 0, dup: false, retain: false }),
    generate({ cmd: 'pingreq' }),
    generate({ cmd: 'publish', topic: 'b', payload: Buffer.alloc(300), qos: 0, dup: false, retain: false }),
    generate({ cmd: 'disconnect' }),
  ]
  const bytes = Buffer.concat(frames)
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 12 }), cuts => {
      const guard = frameGuard(() => 6000)
      const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
      for (const [index, place] of places.entries()) guard.feed(bytes.subarray(place, places[index + 1]))
      return guard.hasDisconnected
    }),
  )
})

const tooMuch: readonly (readonly [string, readonly number[]])[] = [
  ['announces one byte more', [0x30, 0xf1, 0x2e]],
  ['announces 200 MiB', [0x30, 0x80, 0x80, 0x80, 0x64]],
  ['has a length without end', [0x30, 0x80, 0x80, 0x80, 0x80, 0x01]],
]
for (const [what, bytes] of tooMuch)
  t.test(`a frame that ${what} is refused at its header`, async t => {
    t.throws(() => frameGuard(() => 6000).feed(Buffer.from(bytes)), { reason: 'Malformed' } as never)
  })

t.test('an ordinary message is no end', async t => {
  const guard = frameGuard(() => 100)
  guard.feed(generate({ cmd: 'pingreq' }))
  t.notOk(guard.hasDisconnected)
})
