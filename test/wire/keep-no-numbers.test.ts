import { createRequire } from 'node:module'
import { generate, writeToStream } from 'mqtt-packet'
import t from 'tap'
import { keepNoNumbers } from '../../src/wire/keep-no-numbers.ts'

/** The stock that the writer of packets would fill with its first packet. */
const { cache } = createRequire(import.meta.url)('mqtt-packet/numbers') as { readonly cache: object }

t.test('packets are written without a stock of all numbers', async t => {
  keepNoNumbers()
  const bytes = generate({
    cmd: 'publish',
    topic: 'a/b',
    payload: 'x',
    qos: 1,
    messageId: 4711,
    dup: false,
    retain: false,
  })
  t.equal(bytes.readUInt16BE(bytes.length - 3), 4711)
  t.equal(Object.keys(cache).length, 0)
  t.equal(writeToStream.cacheNumbers, false)
})
